// Keeps a page up to date: by server-sent events, or by asking now and then where those don't come through.
// Without this script every page still works, and shows what was true when it was loaded.

const POLL = 5000;
const region = document.getElementById("live");
const pulse = document.getElementById("pulse");
let source = null;
let timer = null;

function show(how) {
  if (!pulse) return;
  pulse.hidden = false;
  pulse.dataset.how = how;
  if (pulse.textContent !== how) pulse.textContent = how;
}

// --- relative times, written as the server writes them -------------------------------------------------------

function coarse(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(1, Math.round(seconds))} s`;
}

function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[datetime]")) {
    const away = (Date.parse(time.dateTime) - now) / 1000;
    const text = away > 0.5 ? `in ${coarse(away)}` : away < -0.5 ? `${coarse(-away)} ago` : "now";
    if (time.textContent !== text) time.textContent = text;
  }
}

// --- what is there becomes what has come: only what differs is touched, so that focus and selection stay -------

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
}

function become(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  // Whoever looks opens and closes details, not the server.
  const kept = old.nodeName === "DETAILS" ? "open" : "";
  for (const { name } of [...old.attributes]) {
    if (name !== kept && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== kept && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  children(old, fresh);
}

function children(old, fresh) {
  const named = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = wanted.id ? named.get(wanted.id) : null;
    if (known && known !== at && same(known, wanted)) {
      old.insertBefore(known, at);
      become(known, wanted);
    } else if (at && same(at, wanted)) {
      const next = at.nextSibling;
      become(at, wanted);
      at = next;
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(html) {
  // Parsed like this nothing runs, and the page's policy lets nothing run either.
  const fresh = new DOMParser().parseFromString(html, "text/html");
  children(region, fresh.getElementById("live") ?? fresh.body);
  tick();
}

// --- ways for news ---------------------------------------------------------------------------------------------

async function ask() {
  try {
    const answer = await fetch(region.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
    if (answer.ok) update(await answer.text());
    show(answer.ok ? "polling" : "offline");
  } catch {
    show("offline");
  }
}

function poll() {
  timer ??= setInterval(ask, POLL);
  ask();
}

function listen() {
  source = new EventSource(region.dataset.live);
  source.addEventListener("open", () => show("live"));
  source.addEventListener("page", (event) => update(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) poll();
    else show("offline");
  });
}

function rest() {
  source?.close();
  clearInterval(timer);
  source = timer = null;
}

setInterval(tick, 1000);

// What was done is said once: a page that is loaded again, or sent to somebody, doesn't say it.
const address = new URL(location.href);
if (address.searchParams.has("note")) {
  address.searchParams.delete("note");
  history.replaceState(null, "", address);
}

if (region) {
  // Nobody looks at a hidden page: it costs the database nothing.
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : source || timer || listen()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => event.persisted && !source && !timer && listen());
  if (!document.hidden) listen();
}
