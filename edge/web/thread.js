// The conversation that is open: its messages and the composer.

import { avatar, clock, day, h, link, linked, reconcile } from './view.js';

const GROUP_MS = 5 * 60_000;
// Closer to the end than this: the reader is at the end.
const NEAR_END_PX = 60;
const NEAR_START_PX = 300;

const $ = (id) => document.getElementById(id);

export class Thread {
  /** Set while a page is on its way. */
  loadingOlder = false;
  /** Why the history could not be read, or ''. */
  problem = '';

  #store;
  #actions; // {send, loadOlder, reload, retry, discard, back, reachedEnd}
  #shown = null;
  #drafts = new Map();

  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    $('back').onclick = () => actions.back();
    $('latest').onclick = () => this.scrollToEnd();
    $('log').onscroll = () => this.#scrolled();
    $('text').oninput = () => this.#composed();
    $('text').onkeydown = (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    };
    $('composer').onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
  }

  get atEnd() {
    const log = $('log');
    return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
  }

  scrollToEnd() {
    $('log').scrollTop = $('log').scrollHeight;
  }

  forget() {
    this.#shown = null;
    this.#drafts.clear();
    $('text').value = '';
    reconcile($('log'), []);
  }

  render() {
    const peer = this.#store.selected;
    $('thread').hidden = peer === null;
    $('nothing').hidden = peer !== null;
    if (peer === null) {
      this.#shown = null;
      return;
    }
    const changed = this.#shown !== peer;
    const stay = !changed && !this.atEnd;
    const anchor = stay ? this.#anchor() : null;
    if (changed) this.#switchTo(peer);
    this.#renderHeader(peer);
    reconcile($('log'), this.#items(peer));
    if (!stay) this.scrollToEnd();
    else if (anchor) $('log').scrollTop += anchor.element.offsetTop - anchor.top;
    this.#scrolled();
  }

  /** A message came in: says so when it is out of sight. */
  noteNew() {
    $('latest').hidden = this.atEnd;
  }

  #switchTo(peer) {
    if (this.#shown !== null) this.#drafts.set(this.#shown, $('text').value);
    this.#shown = peer;
    this.problem = '';
    this.loadingOlder = false;
    $('text').value = this.#drafts.get(peer) ?? '';
    $('latest').hidden = true;
    reconcile($('log'), []);
    this.#composed();
  }

  #renderHeader(peer) {
    const active = this.#store.people.get(peer)?.active ?? false;
    const mine = peer === this.#store.me;
    $('peer-name').textContent = peer;
    $('peer-state').textContent = mine ? 'Notes to yourself' : active ? 'Online' : 'Offline';
    $('peer-state').classList.toggle('active', active && !mine);
    $('peer-avatar').replaceChildren(avatar(peer, active));
  }

  #items(peer) {
    const conversation = this.#store.conversation(peer);
    const items = [this.#top(peer, conversation)];
    const entries = [
      ...conversation.messages.map((message) => ({
        key: `m${message.id}`,
        mine: message.username_from === this.#store.me,
        at: new Date(message.created),
        text: message.message ?? '',
        image: message.image_path ?? '',
        status: 'stored',
      })),
      ...conversation.outgoing.map((entry) => ({ ...entry, mine: true, image: '', entry })),
    ];
    let previous = null;
    entries.forEach((entry, index) => {
      const today = day(entry.at);
      if (!previous || day(previous.at) !== today) {
        items.push({
          key: `d${entry.key}`,
          signature: today,
          build: () => h('p', { class: 'day' }, h('span', {}, today)),
        });
        previous = null;
      }
      const first = !previous || !sameGroup(previous, entry);
      const next = entries[index + 1];
      const last = !next || !sameGroup(entry, next) || next.status !== 'stored';
      items.push(this.#bubble(entry, first, last));
      previous = entry;
    });
    return items;
  }

  #top(peer, conversation) {
    let text = '';
    let action = null;
    if (this.problem) {
      text = this.problem;
      action = h('button', { type: 'button', onclick: () => this.#actions.reload() }, 'Try again');
    } else if (!conversation.loaded || this.loadingOlder) {
      text = 'Loading messages…';
    } else if (conversation.hasOlder) {
      text = 'Earlier messages';
    } else if (peer === this.#store.me) {
      text = 'What you write here only you can see.';
    } else if (conversation.messages.length === 0) {
      text = `No messages yet. Say hello to ${peer}.`;
    } else {
      text = `The beginning of your conversation with ${peer}`;
    }
    return {
      key: 'top',
      signature: text,
      build: () => h('p', { class: 'top' }, text, action),
    };
  }

  #bubble({ key, mine, at, text, image, status, reason, entry }, first, last) {
    const classes = ['bubble-row', mine ? 'mine' : 'theirs', status];
    if (first) classes.push('first');
    if (last) classes.push('last');
    return {
      key,
      signature: JSON.stringify([classes, reason]),
      build: () =>
        h(
          'div',
          { class: classes.join(' ') },
          h('span', { class: 'visually-hidden' }, mine ? 'You: ' : `${this.#store.selected}: `),
          h('div', { class: 'bubble' }, ...linked(text), image ? picture(image) : null),
          this.#footer(at, mine, last, status, reason, entry),
        ),
    };
  }

  #footer(at, mine, last, status, reason, entry) {
    if (status === 'failed') {
      const action = (label, act) =>
        h('button', { type: 'button', onclick: () => act(this.#shown, entry) }, label);
      return h(
        'p',
        { class: 'meta failure' },
        `${reason} `,
        action('Try again', this.#actions.retry),
        action('Discard', this.#actions.discard),
      );
    }
    if (status !== 'stored') return h('p', { class: 'meta' }, 'Sending…');
    if (!last) return null;
    return h(
      'p',
      { class: 'meta' },
      h('time', { datetime: at.toISOString() }, clock(at)),
      mine ? h('span', { class: 'sent', role: 'img', 'aria-label': 'Sent' }, ' ✓') : null,
    );
  }

  // The first element in sight, which shall stay where it is.
  #anchor() {
    const log = $('log');
    for (const element of log.children) {
      const end = element.offsetTop + element.offsetHeight;
      if (element.dataset.key !== 'top' && end > log.scrollTop) {
        return { element, top: element.offsetTop };
      }
    }
    return null;
  }

  #scrolled() {
    if (this.#shown === null) return;
    const conversation = this.#store.conversation(this.#shown);
    const wanted = conversation.loaded && conversation.hasOlder;
    if ($('log').scrollTop < NEAR_START_PX && wanted && !this.loadingOlder && !this.problem) {
      this.#actions.loadOlder();
    }
    if (this.atEnd) {
      $('latest').hidden = true;
      this.#actions.reachedEnd();
    }
  }

  #composed() {
    const text = $('text');
    text.style.height = 'auto';
    text.style.height = `${text.scrollHeight}px`;
    $('send').disabled = text.value.trim() === '';
  }

  #submit() {
    const text = $('text').value.trim();
    if (!text) return;
    $('text').value = '';
    this.#composed();
    this.#actions.send(this.#shown, text);
    this.scrollToEnd();
  }
}

function sameGroup(a, b) {
  return a.mine === b.mine && b.at - a.at < GROUP_MS && day(a.at) === day(b.at);
}

// Named, not loaded: whoever sends it chose the address.
function picture(path) {
  const label = `Picture: ${path}`;
  const isWeb = /^https?:\/\//i.test(path);
  return h('span', { class: 'picture' }, isWeb ? link(path, label) : label);
}
