// Puts the newest state into an open page when the centre tells of a change. The page works without it.
// Listens only while the page is seen: a browser allows six connections to one host. A page that has been cut
// off for long says so.
"use strict";
(() => {
  const part = document.getElementById("part");
  if (!part || !part.dataset.live || !window.EventSource) return;
  const DEAF_MS = 40000;   // the centre sends something every 15 s
  const FETCH_MS = 15000;
  const LOST_MS = 30000;
  const AGAIN_MS = 2000, AGAIN_MOST_MS = 60000;
  let stream = null, heardAt = 0, behindSince = 0, wait = AGAIN_MS, reopening = 0;
  let under_way = false, again = false, lost = null;

  function held() {
    const at = document.activeElement;
    if (!at || !part.contains(at)) return "";
    if (at.id) return "#" + CSS.escape(at.id);
    const href = at.getAttribute("href");
    return href ? 'a[href="' + CSS.escape(href) + '"]' : "";
  }
  function install(html) {
    const typing = part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
    if (typing) return;
    const opened = [...part.querySelectorAll("details[open]")].map((one) => one.id).filter(Boolean);
    const focus = held();
    part.innerHTML = html; // our own page's part, escaped where it was rendered
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
  }

  async function refresh() {
    if (under_way) {
      again = true;
      return;
    }
    under_way = true;
    try {
      const answer = await fetch(part.dataset.part, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(FETCH_MS) });
      if (!answer.ok || answer.redirected) throw new Error("no part");
      install(await answer.text());
      behindSince = 0;
      wait = AGAIN_MS;
      show();
    } catch {
      broke();
    } finally {
      under_way = false;
      if (again) {
        again = false;
        setTimeout(refresh, AGAIN_MS);
      }
    }
  }

  // ---- what is said when the page is behind
  function show() {
    const late = behindSince !== 0 && Date.now() - behindSince > LOST_MS;
    if (late && !lost) {
      lost = document.createElement("p");
      lost.className = "flash bad";
      lost.setAttribute("role", "alert");
      lost.textContent = part.dataset.lost;
      part.before(lost);
    } else if (!late && lost) {
      lost.remove();
      lost = null;
    }
  }

  // ---- the stream: its first word is "changed", so whoever opens it anew is up to date again
  function close() {
    if (stream) stream.close();
    stream = null;
    clearTimeout(reopening);
  }
  function broke() {
    behindSince = behindSince || Date.now();
    close();
    reopening = setTimeout(open, wait);
    wait = Math.min(2 * wait, AGAIN_MOST_MS);
  }
  function open() {
    close();
    if (document.visibilityState !== "visible") return;
    heardAt = Date.now();
    stream = new EventSource(part.dataset.live);
    stream.addEventListener("changed", () => { heardAt = Date.now(); refresh(); });
    stream.addEventListener("beat", () => { heardAt = Date.now(); });
    stream.addEventListener("signed_out", close); // the banner says so
    stream.onerror = broke;
  }
  function follow() {
    wait = AGAIN_MS;
    if (document.visibilityState === "visible") open();
    else close();
  }
  document.addEventListener("visibilitychange", follow);
  setInterval(() => {
    if (stream && Date.now() - heardAt > DEAF_MS) broke();
    show();
  }, 1000);
  follow();
})();
