// Requests to the lab. The token travels in a cookie that no script can read.

const trouble = document.getElementById("trouble");

export class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function tell(message) {
  trouble.textContent = message;
  trouble.hidden = !message;
}

// Runs what a button or a field asks for; whatever goes wrong is told at the top of the page.
export async function attempt(work) {
  try {
    const result = await work();
    tell("");
    return result;
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (!(error instanceof Failure)) throw error;
    tell(error.message);
    return undefined;
  }
}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The lab does not answer. Is it still running in its terminal?", 0);
  }
  if (answer.status === 403) {
    throw new Failure(
      "The lab was started anew since this page was opened: open the address that it printed.", 403);
  }
  const type = answer.headers.get("content-type") || "";
  const content = type.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Failure(content.message || String(content), answer.status);
  return content;
}

export function get(path, signal) {
  return request(path, { signal });
}

export function post(path, values, signal) {
  return request(path, {
    method: "POST",
    signal,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(values),
  });
}

// A File or Blob as it is; the answer holds the id of the picture.
export function upload(path, blob, signal) {
  return request(path, {
    method: "POST",
    signal,
    headers: { "content-type": "application/octet-stream" },
    body: blob,
  });
}

// Calls `work(signal)` a moment after the last call; an earlier one that still runs is given up.
export function debounced(work, milliseconds) {
  let timer, running;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (running) running.abort();
      running = new AbortController();
      attempt(() => work(running.signal, ...values));
    }, milliseconds);
  };
}
