"use strict";
// The title of a token holds its numbers. Where scripts run they stand in a card beside it, by pointer, touch or keys.
(() => {
  const text = document.getElementById("tokens");
  if (!text || !text.firstElementChild) return;
  const card = document.createElement("pre");
  card.id = "card";
  card.hidden = true;
  card.setAttribute("role", "status");
  document.body.append(card);
  let at = null;
  const show = (token) => {
    if (token === at) return;
    at = token;
    card.hidden = token === null;
    if (token === null) return;
    if (token.title) {
      token.dataset.said = token.title;
      token.removeAttribute("title");
    }
    card.textContent = token.dataset.said;
    const box = token.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - card.offsetWidth - 8);
    const below = box.bottom + card.offsetHeight + 8 < window.innerHeight;
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
