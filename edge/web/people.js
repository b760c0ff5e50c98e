// The list of people: who is there, what they said last, what is unread.

import { avatar, h, reconcile, shortTime } from './view.js';

const MAX_ROWS = 200;
const MAX_PREVIEW_CHARACTERS = 120;

const $ = (id) => document.getElementById(id);

export class PeopleList {
  #store;
  #onSelect;

  constructor(store, onSelect, onFilter) {
    this.#store = store;
    this.#onSelect = onSelect;
    $('filter').oninput = onFilter;
    $('people').onkeydown = (event) => this.#moveFocus(event);
  }

  render() {
    const filter = $('filter').value;
    const people = this.#store.sortedPeople(filter);
    reconcile(
      $('people'),
      people.slice(0, MAX_ROWS).map((person) => this.#row(person)),
    );
    let note = '';
    if (people.length > MAX_ROWS) {
      note = `${people.length - MAX_ROWS} more. Type a name to find them.`;
    } else if (people.length === 0) {
      note = filter ? 'Nobody has that name.' : 'Nobody is here yet.';
    } else if (people.length === 1 && people[0].username === this.#store.me && !filter) {
      note = 'You are the first one. Sign in as somebody else in another window.';
    }
    $('people-note').textContent = note;
    $('people-note').hidden = !note;
  }

  #row({ username, active }) {
    const mine = username === this.#store.me;
    const { last } = this.#store.conversation(username);
    const unread = this.#store.unread(username);
    const selected = this.#store.selected === username;
    const preview = last ? this.#preview(last) : mine ? 'Notes to yourself' : '';
    const time = last ? shortTime(new Date(last.created)) : '';
    const state = active ? 'online' : 'offline';
    const fill = (row) => {
      const button = row.firstElementChild;
      if (selected) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
      button.replaceChildren(
        avatar(username, active),
        h(
          'span',
          { class: 'person-text' },
          h(
            'span',
            { class: 'person-line' },
            h('span', { class: 'person-name' }, mine ? `${username} (you)` : username),
            h('span', { class: 'visually-hidden' }, `, ${state}`),
            h('span', { class: 'person-time' }, time),
          ),
          h(
            'span',
            { class: 'person-line' },
            h('span', { class: 'person-preview' }, preview || (active ? 'Online' : 'Offline')),
            unread > 0 ? badge(unread) : null,
          ),
        ),
      );
      return row;
    };
    return {
      key: username,
      signature: JSON.stringify([active, selected, unread, preview, time]),
      build: () => {
        const onclick = () => this.#onSelect(username);
        return fill(h('li', {}, h('button', { class: 'person', type: 'button', onclick })));
      },
      update: fill,
    };
  }

  #preview(message) {
    const text = message.message || 'Picture';
    const line = [...text.slice(0, 2 * MAX_PREVIEW_CHARACTERS).replace(/\s+/g, ' ')]
      .slice(0, MAX_PREVIEW_CHARACTERS)
      .join('');
    const mine = message.username_from === this.#store.me;
    return mine && message.username_to !== this.#store.me ? `You: ${line}` : line;
  }

  #moveFocus(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const rows = [...$('people').querySelectorAll('button')];
    const next = rows[rows.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

function badge(unread) {
  return h(
    'span',
    { class: 'badge' },
    unread > 99 ? '99+' : String(unread),
    h('span', { class: 'visually-hidden' }, ' unread'),
  );
}
