// Puts the page together: signing in, the connection, and what follows from its events.

import { Accounts, Chatter, RequestError } from './chatter.js';
import { PeopleList } from './people.js';
import { Store } from './store.js';
import { Thread } from './thread.js';
import { avatar, batched } from './view.js';

const PAGE = 40;
// Conversations that are read ahead, for previews and unread counts.
const MAX_PREVIEWS = 30;
const TOAST_MS = 6_000;
// The token is the window's, so that two windows can be two people.
const TOKEN_KEY = 'chatter.token';
const ACCOUNTS_KEY = 'chatter.uacl';

const $ = (id) => document.getElementById(id);

const store = new Store(localStorage);
let client = null;
let connection = { state: 'connecting' };
const presenceLogs = new Set(); // One for each list of people that is on its way.
let outgoingKeys = 0;
let toastTimer = 0;
let countdown = 0;

const people = new PeopleList(store, (peer) => select(peer), () => render());
const thread = new Thread(store, {
  send,
  loadOlder,
  reload: () => loadNewest(store.selected),
  retry: (peer, entry) => {
    discard(peer, entry);
    send(peer, entry.text);
  },
  discard,
  back: () => select(null),
  reachedEnd: markRead,
});

const render = batched(() => {
  if (!client) return;
  $('my-name').textContent = store.me;
  $('my-avatar').replaceChildren(...(store.me ? [avatar(store.me, false)] : []));
  $('messenger').dataset.pane = store.selected === null ? 'people' : 'thread';
  people.render();
  thread.render();
  renderConnection();
  const unread = store.totalUnread();
  document.title = unread > 0 ? `(${unread}) Chatter` : 'Chatter';
});

function renderConnection() {
  const { state, retryAt, reason } = connection;
  const names = { connecting: 'Connecting…', online: 'Online', offline: 'Offline' };
  $('my-state').textContent = names[state] ?? '';
  $('my-state').classList.toggle('active', state === 'online');
  $('connection').hidden = state === 'online';
  $('connection').dataset.state = state;
  $('retry').hidden = state !== 'offline';
  let text = 'Connecting…';
  if (state === 'offline') {
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    text = `${reason} Trying again in ${seconds} s.`;
  }
  if ($('connection-text').textContent !== text) $('connection-text').textContent = text;
}

function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($('toast').hidden = true), TOAST_MS);
}

// --- Signing in and out ---

function accountsUrl() {
  return $('accounts-url').value.trim() || `${location.protocol}//${location.hostname}:8081`;
}

function showAccountsHost() {
  let host = accountsUrl();
  try {
    host = new URL(host).host;
  } catch {
    // Shown as it was typed.
  }
  $('accounts-host').textContent = host;
}

function showSignIn(problem = '') {
  $('messenger').hidden = true;
  $('sign-in').hidden = false;
  $('sign-in-error').textContent = problem;
  $('sign-in-error').hidden = !problem;
  document.title = 'Chatter';
  $('name').focus();
}

async function signInWithPassword(event) {
  event.preventDefault();
  const button = $('password-form').querySelector('button');
  button.disabled = true;
  $('sign-in-error').hidden = true;
  try {
    const accounts = new Accounts(accountsUrl());
    const token = await accounts.signIn($('name').value.trim(), $('password').value);
    enter(token);
  } catch (error) {
    showSignIn(error instanceof RequestError ? error.message : 'That address does not work.');
  } finally {
    button.disabled = false;
  }
}

function enter(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
  $('password').value = '';
  $('token').value = '';
  $('sign-in').hidden = true;
  $('messenger').hidden = false;
  client = new Chatter({ token });
  const own = client;
  const on = (type, handle) =>
    own.addEventListener(type, (event) => {
      if (own === client) handle(event.detail);
    });
  on('state', stateChanged);
  on('message', messageCame);
  on('presence', presenceChanged);
  on('error', ({ message }) => toast(message));
  client.start();
  countdown = setInterval(renderConnection, 500);
}

function leave(problem) {
  const old = client;
  client = null;
  old?.stop();
  clearInterval(countdown);
  sessionStorage.removeItem(TOKEN_KEY);
  store.signIn('');
  store.selected = null;
  thread.forget();
  $('filter').value = '';
  history.replaceState(null, '', location.pathname);
  showSignIn(problem);
}

// --- The connection ---

function stateChanged(detail) {
  connection = detail;
  if (detail.state === 'refused') {
    leave('You are signed out: the token is not, or no longer, accepted.');
    return;
  }
  if (detail.state === 'online') {
    store.signIn(client.username);
    synchronize();
  }
  render();
}

// After each connect: what was missed meanwhile is fetched, now that what comes is told.
async function synchronize() {
  const own = client;
  const meanwhile = [];
  presenceLogs.add(meanwhile);
  try {
    const list = await own.connections();
    if (own !== client) return;
    store.setPeople(list);
    for (const { username, active } of meanwhile) store.setPresence(username, active);
  } catch (error) {
    failed(own, error);
  } finally {
    presenceLogs.delete(meanwhile);
  }
  if (own !== client) return;
  if (store.selected === null) openFromAddress();
  render();
  const ahead = store.sortedPeople('').slice(0, MAX_PREVIEWS);
  const peers = new Set([...store.loadedPeers(), ...ahead.map((person) => person.username)]);
  if (store.selected !== null) {
    peers.delete(store.selected);
    await loadNewest(store.selected);
  }
  for (const peer of peers) {
    if (own !== client || connection.state !== 'online') return;
    if (!(await loadNewest(peer))) return;
  }
}

function failed(own, error) {
  if (own !== client) return;
  if (!(error instanceof RequestError)) throw error;
  if (error.status === 401) leave('You are signed out: the token is no longer accepted.');
  else toast(error.message);
}

function presenceChanged(frame) {
  for (const log of presenceLogs) log.push(frame);
  store.setPresence(frame.username, frame.active);
  render();
}

function messageCame(message) {
  if (!store.receive(message)) return;
  const peer = store.peerOf(message);
  if (message.username_from !== store.me) {
    $('announcer').textContent = `${peer}: ${message.message || 'a picture'}`;
  }
  render();
  if (peer === store.selected) queueMicrotask(() => thread.noteNew());
}

// --- Conversations ---

// False: it failed, and was said.
async function loadNewest(peer) {
  const own = client;
  const conversation = store.conversation(peer);
  const isOpen = () => peer === store.selected;
  if (isOpen()) thread.problem = '';
  try {
    const page = await own.messages(peer, { limit: PAGE });
    if (own !== client) return false;
    conversation.mergeNewest(page, PAGE);
    conversation.settleUnknown(store.me);
    return true;
  } catch (error) {
    if (own === client && isOpen()) thread.problem = 'The messages could not be loaded. ';
    failed(own, error);
    return false;
  } finally {
    render();
  }
}

async function loadOlder() {
  const own = client;
  const peer = store.selected;
  const conversation = store.conversation(peer);
  thread.loadingOlder = true;
  render();
  try {
    const before = conversation.messages[0]?.id;
    const page = await own.messages(peer, { before, limit: PAGE });
    if (own !== client) return;
    if (before === conversation.messages[0]?.id) conversation.addOlder(page, PAGE);
  } catch (error) {
    if (own === client && peer === store.selected) {
      thread.problem = 'Earlier messages could not be loaded. ';
    }
    failed(own, error);
  }
  if (peer === store.selected) thread.loadingOlder = false;
  render();
}

async function send(peer, text) {
  const own = client;
  const conversation = store.conversation(peer);
  outgoingKeys += 1;
  const entry = {
    key: `o${outgoingKeys}`,
    text,
    at: new Date(),
    status: 'sending',
    reason: '',
    after: conversation.lastId,
  };
  conversation.outgoing.push(entry);
  render();
  try {
    const stored = await own.send(peer, text);
    if (own !== client) return;
    conversation.settle(entry, stored.id);
    render();
  } catch (error) {
    if (own !== client) return;
    // Whether it is stored the history tells, once it can be read again.
    entry.status = error.code === 'connection_lost' ? 'unknown' : 'failed';
    entry.reason = error.message;
    render();
  }
}

function discard(peer, entry) {
  const conversation = store.conversation(peer);
  conversation.outgoing = conversation.outgoing.filter((other) => other !== entry);
  render();
}

function markRead() {
  if (store.selected === null || document.visibilityState !== 'visible') return;
  if (store.unread(store.selected) === 0) return;
  store.markRead(store.selected);
  render();
}

// --- Which conversation is open; the address says so, and the back button works ---

function select(peer, { fromAddress = false } = {}) {
  if (peer === store.selected) return;
  store.selected = peer;
  if (!fromAddress) {
    const fragment = peer === null ? '' : `#/messenger?${new URLSearchParams({ 'talking-to': peer })}`;
    history.pushState(null, '', location.pathname + fragment);
  }
  if (peer !== null && !store.conversation(peer).loaded) loadNewest(peer);
  render();
  const isTouch = matchMedia('(pointer: coarse)').matches;
  queueMicrotask(() => {
    thread.scrollToEnd();
    // A phone's keyboard would cover what is to be read.
    if (peer !== null && !isTouch) $('text').focus();
    else if (peer === null) $('filter').focus({ preventScroll: true });
  });
}

// `#uacl=http://…` and, as links in notifications have it, `#/messenger?talking-to=name`.
function addressParameters() {
  return new URLSearchParams(location.hash.replace(/^#(\/messenger\?)?/, ''));
}

function openFromAddress() {
  const peer = addressParameters().get('talking-to');
  select(peer !== null && store.people.has(peer) ? peer : null, { fromAddress: true });
}

function start() {
  const given = addressParameters().get('uacl') ?? new URLSearchParams(location.search).get('uacl');
  if (given) {
    localStorage.setItem(ACCOUNTS_KEY, given);
    history.replaceState(null, '', location.pathname);
  }
  $('accounts-url').value = localStorage.getItem(ACCOUNTS_KEY) ?? '';
  $('accounts-url').oninput = () => {
    localStorage.setItem(ACCOUNTS_KEY, $('accounts-url').value.trim());
    showAccountsHost();
  };
  showAccountsHost();
  $('password-form').onsubmit = signInWithPassword;
  $('token-form').onsubmit = (event) => {
    event.preventDefault();
    enter($('token').value.trim().replace(/^Bearer\s+/i, ''));
  };
  $('sign-out').onclick = () => leave();
  $('retry').onclick = () => client?.retryNow();
  addEventListener('online', () => client?.retryNow());
  addEventListener('popstate', () => client && openFromAddress());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || !client) return;
    client.retryNow();
    render();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'k' && (event.ctrlKey || event.metaKey) && client) {
      event.preventDefault();
      $('filter').focus();
    }
  });
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token) enter(token);
  else showSignIn();
}

start();
