// What the page knows: people, conversations, what is unread. No DOM, no network.

// Of one conversation; older ones can be fetched again.
const MAX_MESSAGES = 2000;
const MAX_PEOPLE = 10_000;

export class Conversation {
  messages = []; // As stored, by id, without gaps.
  outgoing = []; // {key, text, at, status: sending | unknown | failed, reason, after}
  hasOlder = true;
  loaded = false;

  get last() {
    return this.messages[this.messages.length - 1];
  }

  get lastId() {
    return this.last?.id ?? 0;
  }

  /** A live message. False: it was there already. */
  add(message) {
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1].id > message.id) at -= 1;
    if (at > 0 && this.messages[at - 1].id === message.id) return false;
    this.messages.splice(at, 0, message);
    this.#trim();
    return true;
  }

  /** The newest page, after a start or a reconnect. */
  mergeNewest(page, pageLimit) {
    const full = page.length >= pageLimit;
    // Nothing in common with what is here: there may be more between the two.
    const gap = full && this.messages.length > 0 && page[0].id > this.lastId;
    if (gap || !this.loaded) {
      const live = this.messages.filter((m) => m.id > (page[page.length - 1]?.id ?? 0));
      this.messages = [...page, ...live];
      this.hasOlder = full;
    } else {
      for (const message of page) this.add(message);
    }
    this.loaded = true;
  }

  addOlder(page, pageLimit) {
    const oldest = this.messages[0]?.id ?? Infinity;
    this.messages = [...page.filter((m) => m.id < oldest), ...this.messages];
    this.hasOlder = page.length >= pageLimit;
  }

  /** An outgoing message came back as the stored one. */
  settle(entry, id) {
    this.outgoing = this.outgoing.filter((other) => other !== entry);
    // Sends go out one after the other: what is still waiting comes later than this.
    for (const other of this.outgoing) other.after = Math.max(other.after, id);
  }

  /**
   * After the newest page was read: the sends whose connection broke are in it, or they
   * were not stored. One stored message settles one of them.
   */
  settleUnknown(me) {
    const used = new Set();
    this.outgoing = this.outgoing.filter((entry) => {
      if (entry.status !== 'unknown') return true;
      const stored = this.messages.find(
        (m) =>
          m.id > entry.after &&
          m.username_from === me &&
          (m.message ?? '') === entry.text &&
          !used.has(m.id),
      );
      if (stored) {
        used.add(stored.id);
        return false;
      }
      entry.status = 'failed';
      entry.reason = 'Not sent: the connection was lost.';
      return true;
    });
  }

  #trim() {
    if (this.messages.length <= MAX_MESSAGES) return;
    this.messages.splice(0, this.messages.length - MAX_MESSAGES);
    this.hasOlder = true;
  }
}

export class Store {
  me = '';
  people = new Map(); // username -> {username, active}
  selected = null;

  #conversations = new Map();
  #read = {}; // peer -> id of the newest message that was seen
  #storage;

  constructor(storage) {
    this.#storage = storage;
  }

  signIn(me) {
    if (this.me === me) return;
    this.me = me;
    this.people.clear();
    this.#conversations.clear();
    this.#read = {};
    try {
      Object.assign(this.#read, JSON.parse(this.#storage.getItem(this.#readKey())));
    } catch {
      // Not what we wrote: nothing is known to be read.
    }
  }

  conversation(peer) {
    let found = this.#conversations.get(peer);
    if (!found) this.#conversations.set(peer, (found = new Conversation()));
    return found;
  }

  loadedPeers() {
    return [...this.#conversations]
      .filter(([, conversation]) => conversation.loaded)
      .map(([peer]) => peer);
  }

  setPeople(list) {
    // Who is not in the list is of another group, and their presence is not known.
    for (const person of this.people.values()) person.active = false;
    for (const person of list) this.setPresence(person.username, person.active);
  }

  setPresence(username, active) {
    const known = this.people.get(username);
    if (known) known.active = active;
    else if (this.people.size < MAX_PEOPLE) this.people.set(username, { username, active });
  }

  peerOf(message) {
    return message.username_from === this.me ? message.username_to : message.username_from;
  }

  /** A live message. False: it is known. */
  receive(message) {
    const peer = this.peerOf(message);
    if (!this.people.has(peer)) this.setPresence(peer, false);
    return this.conversation(peer).add(message);
  }

  /** What the peer wrote since it was last looked at, or answered. */
  unread(peer) {
    if (peer === this.me) return 0;
    const seen = this.#read[peer] ?? 0;
    const { messages } = this.conversation(peer);
    let count = 0;
    for (let i = messages.length - 1; i >= 0; i -= 1) {
      const { id, username_from: from } = messages[i];
      if (id <= seen || from === this.me) break;
      count += 1;
    }
    return count;
  }

  totalUnread() {
    let total = 0;
    for (const peer of this.#conversations.keys()) total += this.unread(peer);
    return total;
  }

  markRead(peer) {
    const last = this.conversation(peer).lastId;
    if (last <= (this.#read[peer] ?? 0)) return;
    this.#read[peer] = last;
    try {
      this.#storage.setItem(this.#readKey(), JSON.stringify(this.#read));
    } catch {
      // No room: the count is right until the page is closed.
    }
  }

  /** Those with messages first, newest first; then who is online; then by name. */
  sortedPeople(filter) {
    const wanted = filter.trim().toLowerCase();
    return [...this.people.values()]
      .filter((person) => person.username.toLowerCase().includes(wanted))
      .map((person) => ({ person, at: this.#conversations.get(person.username)?.lastId ?? 0 }))
      .sort(
        (a, b) =>
          b.at - a.at ||
          Number(b.person.active) - Number(a.person.active) ||
          a.person.username.localeCompare(b.person.username),
      )
      .map(({ person }) => person);
  }

  #readKey() {
    return `chatter.read.${this.me}`;
  }
}
