// One WebSocket that stays: it beats with the version that is shown, and comes back by itself after a loss.

const BEAT_MS = 5_000;
const AGAIN_MS = [500, 1_000, 2_000, 4_000];

// `take(message)` gets each message; `state({up, nextMs})` is told when the line goes and when it is back;
// `version()` is what the page shows, so that the store can send what is newer.
export function attend(path, { take, state = () => {}, version = () => 0 }) {
  let tries = 0;
  let socket = null;
  let beat = 0;
  let again = 0;
  let closed = false;

  function open() {
    clearTimeout(again);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const opening = new WebSocket(`${scheme}://${location.host}${path}`);
    socket = opening;
    opening.addEventListener("open", () => {
      if (closed) return opening.close();
      tries = 0;
      state({ up: true, nextMs: 0 });
      clearInterval(beat);
      beat = setInterval(() => opening.send(JSON.stringify({ version: version() })), BEAT_MS);
    });
    opening.addEventListener("message", (event) => closed || take(JSON.parse(event.data)));
    opening.addEventListener("close", () => {
      clearInterval(beat);
      if (closed || socket !== opening) return;
      const wait = AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)];
      tries += 1;
      state({ up: false, nextMs: wait });
      again = setTimeout(open, wait);
    });
  }

  open();
  return {
    now: () => socket?.readyState === WebSocket.CONNECTING || open(),
    close() {
      closed = true;
      clearTimeout(again);
      clearInterval(beat);
      // One that is not open yet closes itself once it is: browsers complain of anything sooner.
      if (socket?.readyState !== WebSocket.CONNECTING) socket?.close();
    },
  };
}
