// Puts the newest state into an open page when the centre tells of a change. The page works without it.
"use strict";
(() => {
  const part = document.getElementById("part");
  if (!part || !part.dataset.live || !window.EventSource) return;
  let under_way = false;
  let again = false;

  function held() {
    const at = document.activeElement;
    if (!at || !part.contains(at)) return "";
    if (at.id) return "#" + CSS.escape(at.id);
    const href = at.getAttribute("href");
    return href ? 'a[href="' + CSS.escape(href) + '"]' : "";
  }

  async function refresh() {
    if (under_way) {
      again = true;
      return;
    }
    under_way = true;
    try {
      const answer = await fetch(part.dataset.part, { headers: { accept: "text/html" } });
      if (answer.ok && !answer.redirected) {
        const typing = part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
        const opened = [...part.querySelectorAll("details[open]")].map((one) => one.id).filter(Boolean);
        const focus = held();
        if (!typing) {
          part.innerHTML = await answer.text(); // our own page's part, escaped where it was rendered
          for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
          if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
        }
      }
    } catch {
      // the next change tries again
    } finally {
      under_way = false;
      if (again) {
        again = false;
        setTimeout(refresh, 2000);
      }
    }
  }

  const stream = new EventSource(part.dataset.live);
  stream.addEventListener("changed", refresh);
  stream.addEventListener("signed_out", () => stream.close());
})();
