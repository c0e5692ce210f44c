"use strict";
// Asks every second whether the page has changed, and changes what is shown where it has: what stays the same is
// not touched, so that scrolled places and opened details stay as a person has left them.

const EVERY = 1000; // milliseconds

let before = document.documentElement.cloneNode(true); // what the server sent last
let token = "";

function alike(one, other) {
  return one.nodeName === other.nodeName && one.id === other.id;
}

// Put a new node in place of one that is shown; details with the same summary stay open or closed.
function replace(live, now) {
  const node = document.importNode(now, true);
  if (live.querySelectorAll && node.querySelectorAll) {
    const name = (details) => details.querySelector("summary")?.textContent;
    const open = new Map([...live.querySelectorAll("details")].map((each) => [name(each), each.open]));
    for (const each of node.querySelectorAll("details")) each.open = open.get(name(each)) ?? each.open;
  }
  live.replaceWith(node);
}

// Change `live`, which shows `old`, to show `now`. A drawing is replaced whole: it has nothing to keep.
function update(live, old, now) {
  if (old.isEqualNode(now)) return;
  const whole = live.nodeType !== Node.ELEMENT_NODE || live.nodeName === "svg";
  if (whole || !alike(old, now) || live.childNodes.length !== old.childNodes.length) {
    replace(live, now);
    return;
  }
  for (const name of new Set([...old.getAttributeNames(), ...now.getAttributeNames()])) {
    if (old.getAttribute(name) === now.getAttribute(name)) continue;
    if (now.hasAttribute(name)) live.setAttribute(name, now.getAttribute(name));
    else live.removeAttribute(name);
  }
  updateChildren(live, [...old.childNodes], [...now.childNodes]);
}

// Children that are alike at the beginning and at the end are paired; those between are taken out and put in.
function updateChildren(parent, old, now) {
  const live = [...parent.childNodes];
  const most = Math.min(old.length, now.length);
  let first = 0, last = 0;
  while (first < most && alike(old[first], now[first])) first++;
  while (last < most - first && alike(old.at(-1 - last), now.at(-1 - last))) last++;
  for (let place = 0; place < first; place++) update(live[place], old[place], now[place]);
  const middle = live.slice(first, live.length - last);
  const added = now.slice(first, now.length - last).map((node) => document.importNode(node, true));
  const next = live[live.length - last] ?? null;
  for (const node of middle) node.remove();
  for (const node of added) parent.insertBefore(node, next);
  for (let place = last; place > 0; place--) update(live.at(-place), old.at(-place), now.at(-place));
}

function scripts(root) {
  return [...root.querySelectorAll("script")].map((script) => script.outerHTML).join();
}

async function ask() {
  const headers = token ? { "If-None-Match": token } : {};
  const answer = await fetch(location.pathname, { headers, cache: "no-store" });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const now = new DOMParser().parseFromString(await answer.text(), "text/html").documentElement;
  if (token && scripts(before) !== scripts(now)) location.reload(); // a script runs when a page is loaded
  update(document.documentElement, before, now);
  before = now;
  token = answer.headers.get("ETag");
}

async function watch() {
  if (!document.hidden) {
    let lost = false;
    try {
      await ask();
    } catch {
      lost = true;
    }
    document.documentElement.classList.toggle("connection-lost", lost);
  }
  setTimeout(watch, EVERY);
}

watch();
