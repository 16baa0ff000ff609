// The answer and the runners-up.

const SHOWN = 10;

export function percent(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

export function ranking(probabilities) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
}

/** Show names with bars; the rows are kept, so that nothing flickers while a picture moves. */
export function showAnswers(list, classes, probabilities) {
  const ranked = ranking(probabilities).slice(0, SHOWN);
  while (list.children.length < ranked.length) list.append(row());
  ranked.forEach((place, rank) => {
    const [name, bar, share] = list.children[rank].children;
    name.textContent = classes[place];
    bar.firstChild.style.width = `${100 * probabilities[place]}%`;
    share.value = String(probabilities[place]);
    share.textContent = percent(probabilities[place]);
  });
}

function row() {
  const item = document.createElement("li");
  for (const [kind, tag] of Object.entries({ name: "span", bar: "span", share: "data" })) {
    item.append(Object.assign(document.createElement(tag), { className: kind }));
  }
  item.children[1].append(document.createElement("span"));
  return item;
}
