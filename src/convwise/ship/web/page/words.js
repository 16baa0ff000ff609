// What the page says of the model: only what its file tells.

const RULES = {
  pad: "kept whole and padded",
  crop: "cut to the middle",
  stretch: "stretched",
};
const NAMED = 12;

export function titleOf({ name, measured }) {
  return measured?.data || name;
}

export function aboutModel({ name, classes, image_format: format }) {
  const colour = format.channels === 1 ? "grey" : "colour";
  const named = classes.slice(0, NAMED).join(", ");
  const more = classes.length > NAMED ? ` and ${(classes.length - NAMED).toLocaleString("en")} more` : "";
  return (
    `The network ${name} tells ${classes.length.toLocaleString("en")} classes apart: ${named}${more}. ` +
    `Each picture becomes ${format.width} × ${format.height} ${colour} pixels, ${RULES[format.resize]}.`
  );
}

export function factsOfModel({ measured, runtime }) {
  const told = [];
  if (measured?.test_accuracy !== undefined) {
    const images = measured.test_images ? ` of ${measured.test_images.toLocaleString("en")} test images` : "";
    const data = measured.data ? ` of ${measured.data}` : "";
    const [low, high] = measured.test_accuracy_interval ?? [];
    const range = low === undefined ? "" : ` (95\u00a0% interval ${percent(low, "")} … ${percent(high)})`;
    told.push(`${percent(measured.test_accuracy)}${images}${data} were right${range}.`);
  }
  told.push("Other pictures than those it was trained on get an answer too; it may mean nothing.");
  told.push(`Computed by ${runtime}.`);
  return told.join(" ");
}

function percent(share, sign = "\u00a0%") {
  return `${(100 * share).toFixed(1)}${sign}`;
}
