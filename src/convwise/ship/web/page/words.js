// What the page says of the model: only what its file tells.

const RULES = {
  pad: "kept whole and padded",
  crop: "cut to the middle",
  stretch: "stretched",
};

export function aboutModel({ classes, image_format: format }) {
  const colour = format.channels === 1 ? "grey" : "colour";
  return (
    `Tells ${classes.length.toLocaleString("en")} classes apart. Each picture becomes ${format.width} × ` +
    `${format.height} ${colour} pixels, ${RULES[format.resize]}.`
  );
}

export function factsOfModel({ measured, runtime }) {
  const told = [];
  if (measured?.test_accuracy !== undefined) {
    const images = measured.test_images ? ` of ${measured.test_images.toLocaleString("en")} test images` : "";
    const data = measured.data ? ` of ${measured.data}` : "";
    const [low, high] = measured.test_accuracy_interval ?? [];
    const range = low === undefined ? "" : ` (95 % interval ${(100 * low).toFixed(1)} … ${(100 * high).toFixed(1)} %)`;
    told.push(`${(100 * measured.test_accuracy).toFixed(1)} %${images}${data} were right${range}.`);
  }
  told.push("Other pictures than those it was trained on get an answer too; it may mean nothing.");
  told.push(`Computed by ${runtime}.`);
  return told.join(" ");
}
