// Keeps a page in touch with the centre: the banner, the sound, notifications, and the board's cards.
// A page that is no longer live says so; it never pretends.
"use strict";
(() => {
  const DEAF_MS = 25000;    // the centre sends something every 10 s
  const AGAIN_MS = 2000;
  const REPEAT_MS = 3000;   // how often the alarm sounds until somebody accepts
  const ANSWER_MS = 15000;  // the pages answer sooner, were it only that the centre does not
  const RENEW_MS = 300, RENEW_MOST_MS = 10000;
  const RELOADS_MOST = 4;   // of an alert's page that stays as it was: the database is behind the centre
  const body = document.body, banner = document.getElementById("banner");
  if (!banner) return;
  const bannerText = document.getElementById("banner-text"), call = document.getElementById("call");
  const cards = document.getElementById("cards"), sound = document.getElementById("sound");
  const news = document.getElementById("news"), liveMark = document.getElementById("live");
  const title = document.title, marks = new Map();
  let ahead = Number(body.dataset.now) - Date.now();  // the centre's clock minus this one
  let heardAt = Date.now(), state = "", source = null, refreshing = 0, renewing = false, renewIn = RENEW_MS, audio = null, soundedAt = 0;

  // ---- the banner
  function show(why) {
    state = why;
    banner.hidden = !why;
    if (liveMark) { liveMark.hidden = Boolean(why); liveMark.textContent = why ? "" : liveMark.dataset.live; }
    body.dataset.live = why || "yes";
    if (!why) { bannerText.textContent = ""; return; }
    bannerText.textContent = banner.dataset[why] + " ";
    if (why === "out") {
      const link = document.createElement("a");
      link.href = "/sign-in?next=" + encodeURIComponent(location.pathname);
      link.textContent = banner.dataset.signIn;
      bannerText.append(link);
    } else {
      const age = document.createElement("span");
      age.id = "banner-age";
      bannerText.append(age);
      tick();
    }
  }
  function span(ms) {
    const s = Math.max(0, Math.floor(ms / 1000)), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600);
    return (h ? h + ":" + two(Math.floor(s / 60) % 60) : String(Math.floor(s / 60))) + ":" + two(s % 60);
  }
  function tick() {
    const now = Date.now();
    if (!state && now - heardAt > DEAF_MS) { show("lost"); again(); }
    const age = document.getElementById("banner-age");
    if (age) age.textContent = banner.dataset.ago.replace("{age}", span(now - heardAt));
    for (const time of document.querySelectorAll("time[data-since]"))
      time.textContent = span(now + ahead - Number(time.dataset.since));
    ring();
  }

  // ---- what waits: the sound, the title, the call on other pages
  function waiting(drill) {
    return [...marks.values()].filter((one) => one.waiting && one.drill === drill);
  }
  function count() {
    const real = waiting(false);
    document.title = real.length ? "(" + real.length + ") " + title : title;
    if (call) {
      call.hidden = !real.length;
      call.firstElementChild.textContent = real.length ? real[0].name : "";
    }
  }
  function tone(at, pitch, length, volume) {
    const wave = audio.createOscillator(), gain = audio.createGain();
    wave.frequency.value = pitch;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(volume, at + 0.02);
    gain.gain.setValueAtTime(volume, at + length - 0.05);
    gain.gain.linearRampToValueAtTime(0, at + length);
    wave.connect(gain).connect(audio.destination);
    wave.start(at); wave.stop(at + length);
  }
  function ready() { return audio !== null && audio.state === "running"; }
  function ring() {
    if (!waiting(false).length || Date.now() - soundedAt < REPEAT_MS) return;
    soundedAt = Date.now();
    body.dataset.asked = "alarm";
    if (!ready()) return;
    body.dataset.sounded = "alarm";
    for (let n = 0; n < 3; n++) { tone(audio.currentTime + n * 0.5, 880, 0.22, 0.5); tone(audio.currentTime + n * 0.5 + 0.24, 660, 0.22, 0.5); }
  }
  function chime() {
    body.dataset.asked = "drill";
    if (!ready()) return;
    body.dataset.sounded = "drill";
    tone(audio.currentTime, 440, 0.15, 0.25); tone(audio.currentTime + 0.2, 440, 0.15, 0.25);
  }
  function showSound() {
    if (!sound) return;
    const on = ready();
    sound.className = "sound " + (on ? "on" : "off");
    sound.setAttribute("aria-pressed", String(on));
    sound.textContent = on ? sound.dataset.on : sound.dataset.off;
  }
  async function arm() {
    if (!audio) { audio = new AudioContext(); audio.onstatechange = showSound; }
    await audio.resume().catch(() => {});
    showSound();
  }
  function wishes() { return localStorage.getItem("sound") === "on"; }
  if (sound) {
    sound.hidden = false;
    sound.addEventListener("click", async () => {
      if (ready()) { localStorage.setItem("sound", "off"); await audio.suspend(); showSound(); return; }
      localStorage.setItem("sound", "on");
      if ("Notification" in window && Notification.permission === "default") Notification.requestPermission().catch(() => {});
      await arm(); soundedAt = 0; ring();
    });
  }
  if (wishes()) {  // a browser may let sound go on by itself after a visit; if not, the first touch brings it back
    arm();
    for (const kind of ["pointerdown", "keydown"])
      addEventListener(kind, (event) => { if (wishes() && !ready() && !event.target.closest("#sound")) arm(); });
  }
  function told(id) {
    const kept = JSON.parse(sessionStorage.getItem("told") || "[]");
    if (kept.includes(id)) return true;
    sessionStorage.setItem("told", JSON.stringify([...kept.slice(-200), id]));
    return false;
  }
  function announce(id, one) {
    if (!one.waiting || told(id)) return;
    const text = (one.drill ? banner.dataset.newDrill : banner.dataset.new).replace("{name}", one.name);
    if (news) news.textContent = text;
    if (one.drill) chime(); else { soundedAt = 0; ring(); }
    if ("Notification" in window && Notification.permission === "granted") {
      try {
        const shown = new Notification(text, { tag: id, requireInteraction: !one.drill });
        shown.onclick = () => { window.focus(); shown.close(); };
      } catch { /* some phones allow it to a service worker only: the sound remains */ }
    }
  }
  function note(id, one) { marks.set(id, one); announce(id, one); count(); }

  // ---- the cards
  function fill(card) {
    for (const field of card.querySelectorAll("input[name=csrf]")) field.value = body.dataset.csrf;
  }
  function cardOf(id) { return document.getElementById("alert-" + id); }
  function empty() { const none = document.getElementById("none"); if (none) none.hidden = cards.children.length > 0; }
  function put(told) {
    const made = document.createElement("template");
    made.innerHTML = told.html;
    const card = made.content.firstElementChild, old = cardOf(told.id);
    fill(card);
    const focused = old && old.contains(document.activeElement);
    const anchor = focused ? old.getBoundingClientRect().top : 0;
    if (!old) card.classList.add("fresh");
    if (old) old.remove();
    const next = [...cards.children].find((one) => one.dataset.order > told.order);
    cards.insertBefore(card, next || null);
    if (focused) {
      (card.querySelector("footer button, footer a") || card.querySelector("a")).focus({ preventScroll: true });
      scrollBy(0, card.getBoundingClientRect().top - anchor);
    }
    empty(); tick();
  }
  function drop(id) {
    const card = cardOf(id), focused = card && card.contains(document.activeElement);
    if (card) card.remove();
    if (focused) document.getElementById("main").focus();
    empty();
    if (document.querySelector(".more")) refreshSoon();
  }
  function agrees(list) {
    const shown = [...list.children];
    return shown.length >= Math.min(marks.size, Number(cards.dataset.shown))
      && shown.every((card) => (marks.get(card.dataset.id) || {}).mark === card.dataset.mark);
  }
  function refreshSoon() { clearTimeout(refreshing); refreshing = setTimeout(refresh, renewIn); }
  async function refresh() {
    if (renewing) return;  // the one under way looks whether its page came too early
    renewing = true;
    const took = await renew().catch(() => false);  // the stream says whether the centre is there
    renewing = false;
    if (state || (took && agrees(cards))) { renewIn = RENEW_MS; return; }
    renewIn = Math.min(2 * renewIn, RENEW_MOST_MS);
    refreshSoon();
  }
  async function renew() {
    const answer = await fetch("/", { headers: { accept: "text/html" }, redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) });
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById("cards");
    if (agrees(cards) && !agrees(found)) return false;  // it was written before what the stream told meanwhile
    const held = document.activeElement && document.activeElement.closest(".card");
    cards.replaceChildren(...found.children);
    const more = document.querySelector(".more"), fresh = page.querySelector(".more");
    if (more) more.remove();
    if (fresh) cards.parentElement.append(fresh);
    const again = held && cardOf(held.dataset.id);
    if (again) (again.querySelector("footer button, footer a, a")).focus();
    empty(); tick();
    return true;
  }
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.closest(".card")) return;
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    let text = banner.dataset.unsure;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { accept: "application/json" }, signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.status === 401) { show("out"); source.close(); return; }
      text = (await answer.json()).text;
    } catch { /* said below */ }
    button.removeAttribute("aria-disabled");
    say(text);
  });
  function say(text) {
    const old = document.querySelector("body > .flash:not(.lasting)");
    if (old) old.remove();
    if (!text) return;
    const line = document.createElement("p");
    line.className = "flash bad"; line.setAttribute("role", "alert"); line.textContent = text;
    document.getElementById("main").before(line);
  }

  // ---- the stream
  function on(name, take) {
    source.addEventListener(name, (event) => { heardAt = Date.now(); take(JSON.parse(event.data)); });
  }
  function connect() {
    if (source) source.close();
    source = new EventSource("/live");
    on("beat", () => {});
    on("state", (told) => {
      ahead = told.now_ms - Date.now();
      marks.clear();
      for (const [id, one] of Object.entries(told.alerts)) note(id, one);
      count();
      show(told.live ? "" : "down");
      if (cards && told.live && !agrees(cards)) refresh();
      if (cards && told.live) empty();
      if (told.live) compare(told.alerts);
    });
    on("card", (told) => { note(told.id, told); if (cards) put(told); changed(told.id, told.mark); });
    on("gone", (told) => { marks.delete(told.id); count(); if (cards) drop(told.id); changed(told.id, "closed"); });
    on("signed_out", () => { source.close(); show("out"); });
    source.onerror = () => {
      if (state !== "out") show("lost");
      if (source.readyState === EventSource.CLOSED) again();
    };
  }
  let trying = null;
  function again() { clearTimeout(trying); trying = setTimeout(retry, AGAIN_MS); }
  async function retry() {
    try {
      const answer = await fetch("/account", { method: "HEAD", headers: { accept: "application/json" }, redirect: "manual", signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.status === 401) { if (source) source.close(); show("out"); return; }
    } catch { /* not there: keep trying */ }
    connect();
  }
  // ---- the page of one alert: renewed when the alert changes, unless somebody is typing
  let reloading = null;
  function changed(id, mark) {
    const page = document.querySelector("[data-alert]");
    if (!page || page.dataset.alert !== id) return;
    clearTimeout(reloading);
    if (page.dataset.mark === mark) { sessionStorage.removeItem("reloads"); return; }
    const form = document.querySelector(".end-form"), shown = id + " " + page.dataset.mark;
    const typing = () => Boolean(form && form.dataset.touched);
    const [which, done] = JSON.parse(sessionStorage.getItem("reloads") || "[]");
    const reloads = which === shown ? done : 0;
    document.getElementById("stale").hidden = !(reloads || typing());
    if (typing() || reloads >= RELOADS_MOST) return;
    reloading = setTimeout(() => {
      if (typing()) { document.getElementById("stale").hidden = false; return; }
      sessionStorage.setItem("reloads", JSON.stringify([shown, reloads + 1]));
      location.reload();
    }, reloads * AGAIN_MS);
  }
  function compare(alerts) {  // with what the stream told while this page did not listen
    const page = document.querySelector("[data-alert]");
    if (!page) return;
    const now = alerts[page.dataset.alert];
    if (now) changed(page.dataset.alert, now.mark);
    else if (!page.dataset.mark.startsWith("closed")) changed(page.dataset.alert, "closed");
  }
  document.addEventListener("input", (event) => {
    const form = event.target.closest(".end-form");
    if (form) form.dataset.touched = "yes";
  });

  if (cards) connect();
  else {  // other pages listen while they are seen: a browser allows only six streams to one host
    const follow = () => {
      if (document.visibilityState === "visible") { heardAt = Date.now(); connect(); }
      else if (source) { source.close(); source = null; }
    };
    document.addEventListener("visibilitychange", follow);
    follow();
  }
  setInterval(() => { if (source) tick(); }, 1000);
  tick();
})();
