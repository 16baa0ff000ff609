// One run as it trains: where it is, its curves, and what it says of a few images.

import { attempt, get, post, tell } from "./request.js";
import { byId, element, show } from "./dom.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const tail = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

function fact(id, value, words) {
  byId(id).textContent = value === null || value === undefined ? "–" : words(value);
}

export class Watch {
  // `told.queue(entries)` and `told.run()` are called when these have changed.
  constructor(told) {
    this.told = told;
    this.run = null;
    this.entries = [];
    byId("stop").addEventListener("click", () => this.stop());
    byId("resume").addEventListener("click", () => attempt(() =>
      post(`/api/train/resume/${this.run}`, {})));
    byId("epochs").addEventListener("input", () => { this.looksBack = true; this.showExamples(); });
  }

  // The run of an id, or with null whatever the queue is at.
  follow(run) {
    if (this.source) this.source.close();
    this.forget(run);
    const query = run === null ? "" : `?run=${encodeURIComponent(run)}`;
    const source = this.source = new EventSource(`/api/train/stream${query}`);
    const on = (name, work) => source.addEventListener(name, (event) => work(JSON.parse(event.data)));
    source.addEventListener("open", () => tell(""));
    source.addEventListener("error", () => tell(source.readyState === EventSource.CLOSED
      ? "The lab was started anew since this page was opened: open the address that it printed."
      : "The lab does not answer. Is it still running in its terminal?"));
    on("watching", ({ run: id }) => this.forget(id));
    on("queue", (entries) => {
      this.entries = entries;
      this.showState();
      this.told.queue(entries);
    });
    on("run", (facts) => { this.facts = facts; this.showState(); this.told.run(); });
    on("history", (history) => this.showHistory(history));
    on("progress", (progress) => { this.progress = progress; this.showProgress(); });
    on("examples", (examples) => { this.examples = examples; this.showExamples(); });
  }

  forget(run) {
    this.run = run;
    this.facts = this.progress = this.examples = this.last = null;
    this.looksBack = false;
    byId("charts").replaceChildren();
    byId("summary").textContent = "";
    byId("answers").hidden = true;
    byId("printed").hidden = true;
    this.showState();
    this.showProgress();
  }

  get entry() {
    return this.entries.findLast((entry) => entry.run && entry.run === this.run) || null;
  }

  async stop() {
    if (!this.entry) return;
    byId("stop").disabled = true;
    await attempt(() => post(`/api/train/stop/${this.entry.id}`, {}));
    // A second wish ends the training without scoring what was learnt: never by a double click.
    setTimeout(() => { byId("stop").disabled = false; }, 3000);
  }

  showState() {
    const { entry, facts } = this;
    const known = Boolean(this.run && (entry || (facts && facts.status)));
    byId("none").hidden = known;
    byId("live").hidden = !known;
    if (!known) {
      byId("watched-title").textContent = "Nothing trains";
      return;
    }
    const active = entry && (entry.state === "running" || entry.state === "stopping");
    const about = facts && facts.network && facts.data ? `${facts.network} on ${facts.data}` : "";
    byId("watched-title").textContent = about || entry.name;
    byId("status").textContent = this.status(active);
    byId("stop").hidden = !active;
    byId("stop").textContent = entry && entry.state === "stopping" ? "Stop at once" : "Stop";
    const ends = facts && ["interrupted", "broken off"].includes(facts.status) && !facts.written;
    byId("resume").hidden = Boolean(active) || !ends || (entry && entry.state === "waiting");
    const learnt = facts && facts.test_accuracy !== null;
    byId("explain").hidden = !learnt;
    byId("explain").href = `/explain#first=${encodeURIComponent(this.run)}`;
    this.showPrinted(entry);
  }

  status(active) {
    const { entry, facts } = this;
    if (entry && entry.state === "stopping") return entry.message;
    if (active && (!facts || !facts.status)) return "reading images";
    if (active) return "training";
    if (entry && entry.state === "waiting") return "waits for its turn";
    if (facts && facts.written) return "training, from elsewhere";
    if (facts && facts.test_accuracy !== null) {
      return `${facts.status}: ${percent(facts.test_accuracy)} of the test images right`;
    }
    return (facts && (facts.reason || facts.status)) || entry.message;
  }

  // What went wrong is best told by what the training itself has said.
  async showPrinted(entry) {
    const failed = entry && entry.state === "ended" && ![0, null, 130].includes(entry.code);
    byId("printed").hidden = !failed;
    if (!failed || this.printedOf === entry.id) return;
    this.printedOf = entry.id;
    byId("printed").textContent = (await get(`/api/train/printed/${entry.id}`)).text;
  }

  showHistory(history) {
    this.last = history.last;
    // The list of all runs need not keep up with every epoch.
    if (!this.toldAt || performance.now() - this.toldAt > 5000) {
      this.toldAt = performance.now();
      this.told.run();
    }
    byId("summary").textContent = history.summary;
    show(byId("charts"), history.charts.map((chart) => `<figure>${chart}</figure>`).join(""));
    this.showProgress();
  }

  showProgress() {
    const now = this.progress || {}, last = this.last || {};
    const running = now.share !== null && now.share !== undefined;
    byId("share").value = running ? now.share : last.epoch ? 1 : 0;
    byId("share").hidden = !running;
    const of = now.epochs ? ` of ${now.epochs}` : "";
    byId("where").textContent = running && now.epoch ? `epoch ${now.epoch}${of}` : now.message || "";
    fact("loss", now.loss ?? last.train_loss, (value) => value.toFixed(3));
    fact("accuracy", now.accuracy ?? last.train_accuracy, percent);
    fact("validation", last.validation_accuracy, percent);
    fact("speed", now.images_per_second ?? last.images_per_second,
      (value) => Math.round(value).toLocaleString("en"));
    fact("left", now.seconds_left, clock);
  }

  showExamples() {
    const { classes, images, answers } = this.examples;
    byId("answers").hidden = answers.length === 0;
    if (!answers.length) return;
    const slider = byId("epochs");
    slider.max = answers.length - 1;
    if (!this.looksBack || Number(slider.value) > answers.length - 1) slider.value = answers.length - 1;
    const place = Number(slider.value);
    this.looksBack = this.looksBack && place < answers.length - 1;
    byId("epoch").textContent = answers[place].epoch;
    byId("examples").replaceChildren(...images.map((image, number) =>
      example(classes, image, answers[place], answers[place - 1], number)));
  }
}

function example(classes, image, answer, before, number) {
  const predicted = answer.predicted[number], right = predicted === image.label;
  const changed = before && before.predicted[number] !== predicted;
  const picture = element("img", { alt: "", class: "pixels" });
  // Only a PNG can stand here, whatever the file holds.
  picture.src = `data:image/png;base64,${String(image.png).replace(/[^A-Za-z0-9+/=]/g, "")}`;
  const bar = element("span", { class: "sure" });
  bar.style.setProperty("--sure", String(answer.probability[number] ?? 0));
  return element("li", { class: right ? "right" : "wrong" },
    picture,
    element("p", { class: "said-label" }, element("bdi", {}, classes[predicted] ?? "?")),
    element("p", { class: "how-sure" }, bar, percent(answer.probability[number] ?? 0)),
    element("p", { class: "truth" }, right ? "right" : `is ${classes[image.label] ?? "?"}`),
    changed ? element("p", { class: "changed" }, "changed") : null);
}
