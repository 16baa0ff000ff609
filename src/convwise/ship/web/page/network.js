// Once all is loaded, nothing is left to fetch. A policy that is added can only forbid more, and cannot be
// taken back: from here on the browser itself refuses every request of this page.

const POLICY = [
  "default-src 'none'",
  "script-src 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src data:",
  "form-action 'none'",
  "base-uri 'none'",
];

export function closeNetwork() {
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = POLICY.join("; ");
  document.head.append(policy);
}
