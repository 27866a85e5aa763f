"use strict";
// The title of a token holds its numbers. Where scripts run they stand in a card beside it, by pointer, touch or keys.
(() => {
  const text = document.getElementById("tokens");
  if (!text || !text.firstElementChild) return;
  const card = document.createElement("pre");
  card.id = "card";
  card.hidden = true;
  card.setAttribute("role", "tooltip");
  document.body.append(card);
  let at = null;
  const show = (token) => {
    if (token === at) return;
    if (at) at.removeAttribute("aria-describedby");
    at = token;
    card.hidden = token === null;
    if (token === null) return;
    if (token.title) {
      token.dataset.said = token.title;
      token.removeAttribute("title");
    }
    card.textContent = token.dataset.said;
    token.setAttribute("aria-describedby", "card");
    // At the line where the token begins, not in the middle of a token that is broken over lines.
    const box = token.getClientRects()[0] || token.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    const below = box.bottom + card.offsetHeight + 8 < window.innerHeight || box.top < card.offsetHeight + 8;
    card.style.left = `${Math.max(4, left) + window.scrollX}px`;
    card.style.top = `${(below ? box.bottom + 6 : box.top - card.offsetHeight - 6) + window.scrollY}px`;
  };
  const token = (event) => event.target.closest("#tokens > [data-t]");
  text.addEventListener("pointerover", (event) => show(token(event)));
  text.addEventListener("pointerleave", () => show(null));
  text.addEventListener("focusin", (event) => show(token(event)));
  text.addEventListener("focusout", () => show(null));
  // One stop for the tab key; the arrows go from token to token.
  const first = text.querySelector("[data-t]");
  if (first) first.tabIndex = 0;
  text.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
    let next = token(event);
    if (event.key === "Escape") show(null);
    if (!way || !next) return;
    do next = next[way]; while (next && !("t" in next.dataset));
    if (!next) return;
    event.preventDefault();
    token(event).tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
})();
// Every picture can be saved as it is seen, without a network.
(() => {
  const alone = (svg) => {
    const copy = svg.cloneNode(true);
    const colours = getComputedStyle(document.documentElement);
    const plain = (value) => value.replace(/var\((--[\w-]+)\)/g, (_, name) => colours.getPropertyValue(name).trim());
    for (const element of [copy, ...copy.querySelectorAll("*")])
      for (const name of ["style", "fill", "stroke"])
        if (element.hasAttribute(name)) element.setAttribute(name, plain(element.getAttribute(name)));
    const [, , width, height] = copy.getAttribute("viewBox").split(/\s+/).map(Number);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of [["width", width], ["height", height], ["fill", plain("var(--background)")]])
      paper.setAttribute(name, value);
    copy.prepend(paper);
    return [new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }), width, height];
  };
  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const drawn = ([blob, width, height], name) => {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      const scale = 1800 / width;
      canvas.width = 1800;
      canvas.height = Math.round(height * scale);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      URL.revokeObjectURL(image.src);
      canvas.toBlob((png) => save(png, name), "image/png");
    };
    image.src = URL.createObjectURL(blob);
  };
  for (const figure of document.querySelectorAll("figure[data-name]")) {
    const svg = figure.querySelector("svg");
    const buttons = document.createElement("span");
    buttons.className = "save";
    for (const form of ["SVG", "PNG"]) {
      const button = document.createElement("button");
      const name = `${figure.dataset.name}.${form.toLowerCase()}`;
      button.type = "button";
      button.textContent = form;
      button.title = `Save the picture as ${form}, in the colours that you see.`;
      button.setAttribute("aria-label", `Save ${name}`);
      button.addEventListener("click", () => (form === "SVG" ? save(alone(svg)[0], name) : drawn(alone(svg), name)));
      buttons.append(button);
    }
    figure.querySelector("figcaption").append(buttons);
  }
})();
