// A browser's client of Chatter: REST, and a WebSocket that comes back by itself.
// It knows nothing of the page, and can be used without it.

const REQUEST_TIMEOUT_MS = 10_000;
// A message without an answer for this long: the connection is taken for dead.
const ECHO_TIMEOUT_MS = 15_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;
// Connected for this long, a connection counts as good, and the backoff starts anew.
const STABLE_MS = 5_000;
const MAX_WAITING_SENDS = 100;
// What the server takes as one frame, unless it is told otherwise (MAX_FRAME_BYTES).
const MAX_FRAME_BYTES = 65_536;

/** An answer that is not 2xx, or none at all (status 0). Its message is for a person. */
export class RequestError extends Error {
  constructor(status, message, retryAfterMs = 0) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * A message that was not echoed. `code` is that of the server's error frame, or
 * `connection_lost` (it may be stored or not), `too_long`, `queue_full`, `stopped`.
 */
export class SendError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'SendError';
    this.code = code;
  }
}

/** The `result` of an answer in the services' envelope. Throws RequestError. */
async function request(url, options = {}) {
  let response;
  let body = null;
  try {
    response = await fetch(url, {
      ...options,
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    body = await response.json();
  } catch (error) {
    if (!response || response.ok) {
      throw new RequestError(0, `No answer from ${new URL(url, location.href).host}.`);
    }
  }
  if (response.ok) return body?.result ?? null;
  const seconds = Number(response.headers.get('Retry-After'));
  const text = body?.message?.[0]?.message;
  throw new RequestError(
    response.status,
    typeof text === 'string' ? text : `The server answered ${response.status}.`,
    seconds > 0 ? seconds * 1000 : 0,
  );
}

/** uacl, which keeps the accounts. */
export class Accounts {
  constructor(baseUrl) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
  }

  /** A bearer token. Creates the account when there is none with that name. */
  async signIn(username, password) {
    try {
      return await this.logIn(username, password);
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    try {
      await this.#post('/user', { username, password });
    } catch (error) {
      // The account was there all along: it is the password that is wrong.
      if (error.status === 400 && /exists/i.test(error.message)) {
        throw new RequestError(401, 'That name is taken, and the password is not its.');
      }
      throw error;
    }
    return this.logIn(username, password);
  }

  async logIn(username, password) {
    const result = await this.#post('/login', { username, password });
    if (typeof result?.token !== 'string') {
      throw new RequestError(0, 'The account service gave no token.');
    }
    return result.token;
  }

  #post(path, body) {
    return request(this.baseUrl + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  }
}

/**
 * One user's connection. Dispatches CustomEvents, with in `detail`:
 *   state     {state, retryAt, reason}: `connecting`, `online`, `offline` (it tries again
 *             at `retryAt`, a Date.now()), `refused` (the token is not good; it stopped)
 *   message   {id, username_from, username_to, message, image_path, created}
 *   presence  {username, active}
 *   error     {code, message}: an error frame that answers no message
 */
export class Chatter extends EventTarget {
  /** The user's name, once `online` was reached. */
  username = '';

  #base;
  #token;
  #socket = null;
  #attempt = 0;
  #run = 0; // Changes with start() and stop(): what belongs to an old run is dropped.
  #retryTimer = 0;
  #stableTimer = 0;
  #deadlineTimer = 0; // For the socket to open, then for the echo of what was sent.
  #waiting = []; // {to, frame, text, resolve, reject}
  #sent = null; // The one whose echo has not come: one at a time, so that errors have an
  // addressee, which the frames themselves do not say.

  constructor({ token, baseUrl = location.origin }) {
    super();
    this.#token = token;
    this.#base = baseUrl.replace(/\/+$/, '');
  }

  start() {
    this.stop();
    this.#attempt = 0;
    this.#connect();
  }

  stop() {
    this.#run += 1;
    clearTimeout(this.#retryTimer);
    this.#drop();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send.reject(new SendError('stopped', 'Signed out.'));
  }

  /** Ends a wait for the next attempt. */
  retryNow() {
    if (!this.#retryTimer) return;
    this.#connect();
  }

  /** [{username, active}]: everybody in the user's group, the user too. */
  connections() {
    return this.#get('/connections');
  }

  /** The newest messages with `peer`, or those before an id; oldest first. */
  messages(peer, { before, limit } = {}) {
    const query = new URLSearchParams({ from: this.username, to: peer });
    if (before !== undefined) query.set('before', before);
    if (limit !== undefined) query.set('limit', limit);
    return this.#get(`/messages?${query}`);
  }

  /**
   * Resolves with the message as stored. Waits while there is no connection. Rejects with
   * SendError.
   */
  send(to, text) {
    const frame = JSON.stringify({
      username_from: this.username,
      username_to: to,
      message: text,
      image_path: '',
    });
    return new Promise((resolve, reject) => {
      if (new TextEncoder().encode(frame).length > MAX_FRAME_BYTES) {
        reject(new SendError('too_long', 'The message is too long.'));
      } else if (this.#waiting.length >= MAX_WAITING_SENDS) {
        reject(new SendError('queue_full', 'Too many messages wait to be sent.'));
      } else {
        this.#waiting.push({ to, frame, text, resolve, reject });
        this.#sendNext();
      }
    });
  }

  #get(path) {
    return request(this.#base + path, {
      headers: { Authorization: `Bearer ${this.#token}` },
    });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async #connect() {
    const run = this.#run;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#emit('state', { state: 'connecting' });
    let ticket;
    try {
      ticket = await this.#get('/ws_token');
    } catch (error) {
      if (run !== this.#run) return;
      if (error.status === 401) {
        this.stop();
        this.#emit('state', { state: 'refused', reason: error.message });
      } else {
        this.#retryLater(error.message, error.retryAfterMs);
      }
      return;
    }
    if (run !== this.#run) return;
    this.username = ticket.username;
    this.#open(ticket.token, run);
  }

  #open(ticket, run) {
    const url = new URL(`${this.#base}/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('token', ticket);
    const socket = new WebSocket(url);
    this.#socket = socket;
    const current = () => run === this.#run && socket === this.#socket;
    this.#setDeadline(REQUEST_TIMEOUT_MS);
    socket.onopen = () => {
      if (!current()) return;
      clearTimeout(this.#deadlineTimer);
      this.#stableTimer = setTimeout(() => (this.#attempt = 0), STABLE_MS);
      this.#emit('state', { state: 'online' });
      this.#sendNext();
    };
    socket.onmessage = (event) => {
      if (current()) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (!current()) return;
      this.#drop();
      this.#retryLater('The connection is gone.', 0);
    };
  }

  #retryLater(reason, atLeastMs) {
    const ceiling = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    // Half of it random, so that not everybody comes back in the same moment.
    const wait = Math.max(atLeastMs, ceiling * (0.5 + Math.random() / 2));
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.#emit('state', { state: 'offline', retryAt: Date.now() + wait, reason });
  }

  // Forgets the socket. What was on its way has an outcome that nobody knows.
  #drop() {
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#deadlineTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const sent = this.#sent;
    this.#sent = null;
    sent?.reject(new SendError('connection_lost', 'The connection was lost.'));
  }

  #sendNext() {
    if (this.#sent || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#sent = this.#waiting.shift() ?? null;
    if (!this.#sent) return;
    this.#socket.send(this.#sent.frame);
    this.#setDeadline(ECHO_TIMEOUT_MS);
  }

  #setDeadline(milliseconds) {
    this.#deadlineTimer = setTimeout(() => {
      this.#drop();
      this.#retryLater('The server does not answer.', 0);
    }, milliseconds);
  }

  #answered() {
    clearTimeout(this.#deadlineTimer);
    const sent = this.#sent;
    this.#sent = null;
    return sent;
  }

  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.error) {
      const { code, message } = frame.error;
      const sent = this.#answered();
      if (sent) sent.reject(new SendError(code, message));
      else this.#emit('error', { code, message });
    } else if ('username' in frame) {
      this.#emit('presence', frame);
    } else if ('id' in frame) {
      const isEcho =
        this.#sent &&
        frame.username_from === this.username &&
        frame.username_to === this.#sent.to &&
        (frame.message ?? '') === this.#sent.text;
      if (isEcho) this.#answered().resolve(frame);
      this.#emit('message', frame);
    }
    this.#sendNext();
  }
}
