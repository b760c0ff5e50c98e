// Makes elements, and keeps lists of them up to date. Text becomes text, never markup.

/** h('p', {class: 'x', hidden: true, onclick: f}, 'text', element, null) */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element[name] = value;
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Makes the container's children those of `items`, [{key, signature, build, update}], in
 * order. An element stays as long as its key does, so that focus, selection and a click
 * that has begun survive. When its signature changes it is given to `update`, or, when
 * there is none, built anew.
 */
export function reconcile(container, items) {
  const old = new Map();
  for (const element of container.children) old.set(element.dataset.key, element);
  let cursor = container.firstElementChild;
  for (const { key, signature, build, update } of items) {
    let element = old.get(key);
    old.delete(key);
    if (!element) {
      element = build();
    } else if (element.dataset.signature !== signature) {
      if (update) {
        update(element);
      } else {
        const fresh = build();
        if (cursor === element) cursor = fresh;
        element.replaceWith(fresh);
        element = fresh;
      }
    }
    element.dataset.key = key;
    element.dataset.signature = signature;
    if (element === cursor) {
      cursor = cursor.nextElementSibling;
      continue;
    }
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    container.insertBefore(element, cursor);
    focused?.focus({ preventScroll: true });
  }
  for (const element of old.values()) element.remove();
}

/** Calls `render` once for any number of calls in one turn. Hidden windows too. */
export function batched(render) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      render();
    });
  };
}

export function avatar(name, active) {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 3600;
  const initials = name
    .split(/[\s_]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase())
    .join('');
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials);
  element.style.setProperty('--hue', String(hash % 360));
  if (active) element.append(h('span', { class: 'dot' }));
  return element;
}

const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

/** The text with its web addresses as links. */
export function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(end, match.index), link(match[0], match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== '');
}

export function link(url, label) {
  return h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, label);
}

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' });
const shortDayFormat = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

export const clock = (date) => clockFormat.format(date);

function daysAgo(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  return Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
}

export function day(date) {
  const ago = daysAgo(date);
  if (ago === 0) return 'Today';
  return ago === 1 ? 'Yesterday' : dayFormat.format(date);
}

/** For a list: the time of today, the day of what is older. */
export function shortTime(date) {
  return daysAgo(date) === 0 ? clock(date) : shortDayFormat.format(date);
}
