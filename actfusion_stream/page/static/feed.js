// The connection to the server: records, and pictures. Both come back by themselves when the server does.

const AGAIN = 1000; // milliseconds until the next attempt
const SILENT = 5000; // without a record; the server sends one a second at least

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Listen to the records of the server.
 *
 * `onRecord` is called with each, `onLost` with why when the connection has gone.
 */
export function listen(onRecord, onLost) {
  let source, silence;
  const lose = async () => {
    clearTimeout(silence);
    source.close();
    onLost(await why());
    setTimeout(connect, AGAIN);
  };
  const expect = () => {
    clearTimeout(silence);
    silence = setTimeout(lose, SILENT);
  };
  function connect() {
    source = new EventSource("events");
    source.onerror = lose;
    source.onmessage = ({ data }) => {
      expect();
      onRecord(JSON.parse(data));
    };
    expect();
  }
  connect();
}

async function why() {
  try {
    const { status } = await fetch("static/page.css", { method: "HEAD", cache: "no-store" });
    if (status === 401) return "The server wants its token: open the address that it has printed.";
  } catch {
    // it is away
  }
  return "Disconnected. Trying again…";
}

/** Show every picture of the server's stream, as long as the page is in sight: `show` is given (blob, time). */
export async function watch(show) {
  for (;;) {
    while (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
    const stop = new AbortController();
    const hide = () => document.hidden && stop.abort();
    document.addEventListener("visibilitychange", hide);
    try {
      const answer = await fetch("picture.mjpg", { signal: stop.signal });
      if (answer.ok) for await (const [head, body] of parts(answer.body.getReader())) await show(new Blob([body], { type: "image/jpeg" }), Number(head.get("x-time")));
    } catch {
      // tried again
    }
    document.removeEventListener("visibilitychange", hide);
    if (!document.hidden) await wait(AGAIN);
  }
}

/** The parts of a multipart stream, each as its head and its body. */
async function* parts(reader) {
  let held = new Uint8Array(0);
  const more = async () => {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream has ended");
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
  };
  for (;;) {
    let end;
    while ((end = headEnd(held)) < 0) await more();
    const lines = new TextDecoder("latin1").decode(held.subarray(0, end)).split("\r\n");
    const head = new Map(lines.map((line) => line.toLowerCase().split(": ")));
    const length = Number(head.get("content-length"));
    while (held.length < end + 4 + length) await more();
    const body = held.slice(end + 4, end + 4 + length);
    held = held.slice(end + 4 + length);
    yield [head, body];
  }
}

/** Where the empty line begins that ends a head; -1 where there is none yet. */
function headEnd(bytes) {
  for (let at = 0; at + 3 < bytes.length; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}
