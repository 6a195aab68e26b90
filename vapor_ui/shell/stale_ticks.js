// Streamlit 1.67: a fragment's rerun that leaves the browser just after a change of page still names the old page. The
// server runs it after the new page, says that the old page has begun, and the browser blanks the new one. A timer
// inside a fragment, as streamlit-autorefresh is, does that in one or two of a hundred changes of page. So such a rerun
// is not sent: one that names another page than the last full rerun asked for while the address is still the old one,
// or one within a moment of a full rerun. What cannot be read is sent as it is.
const MOMENT_MS = 300;
const LONGEST_MS = 10000; // that a page may take to come

function* fields(bytes) { // [number, value] of each field of a protobuf message: a number for a varint, else bytes
  let at = 0;
  const varint = () => {
    let value = 0, scale = 1, byte;
    do { byte = bytes[at++]; value += (byte & 127) * scale; scale *= 128; } while (byte & 128);
    return value;
  };
  while (at < bytes.length) {
    const tag = varint(), kind = tag & 7;
    if (kind === 0) { yield [tag >>> 3, varint()]; continue; }
    const size = kind === 1 ? 8 : kind === 5 ? 4 : varint();
    yield [tag >>> 3, bytes.subarray(at, at + size)];
    at += size;
  }
}

function rerun(message) {
  const RERUN_SCRIPT = 11, WIDGETS = 2, PAGE = 3, FRAGMENT = 5, WIDGET = 1; // numbers in BackMsg, ClientState, WidgetStates
  const TRIGGERS = [2, 14, 15, 16]; // in WidgetState: what a person pressed or sent just now
  const state = [...fields(new Uint8Array(message))].find(([number]) => number === RERUN_SCRIPT)?.[1];
  if (!state) return null;
  const asked = { page: "", fragment: "", pressed: false };
  const isPressed = (widget) => [...fields(widget)].some(([number, value]) => TRIGGERS.includes(number) && value);
  for (const [number, value] of fields(state)) {
    if (number === PAGE) asked.page = new TextDecoder().decode(value);
    if (number === FRAGMENT) asked.fragment = new TextDecoder().decode(value);
    if (number === WIDGETS)
      asked.pressed = [...fields(value)].some(([kind, widget]) => kind === WIDGET && isPressed(widget));
  }
  return asked;
}

export default function () {
  if (window.vaporDropsStaleTicks) return;
  window.vaporDropsStaleTicks = true;
  const send = WebSocket.prototype.send;
  let last = { page: "", path: "", at: 0 };
  const stale = (message) => {
    const asked = rerun(message);
    if (!asked) return false;
    if (asked.pressed && asked.fragment) return false; // a button that somebody pressed, in a dialog for one
    if (asked.fragment) {
      const since = Date.now() - last.at;
      const leaving = asked.page !== last.page && location.pathname === last.path;
      return since < MOMENT_MS || (leaving && since < LONGEST_MS);
    }
    last = { page: asked.page, path: location.pathname, at: Date.now() };
    return false;
  };
  WebSocket.prototype.send = function (message) {
    let drop = false;
    try { drop = stale(message); } catch { /* not a message that we know */ }
    if (!drop) send.call(this, message);
  };
}
