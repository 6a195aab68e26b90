// The refresh timer is a frame of its own that asks the page, by a message, to run its fragment again. Such a tick that
// leaves after a person has asked for another page, and before that page has come, still names the old one: Streamlit
// runs it after the new page, says that the old page has begun, and the browser blanks the new one. So the timer is
// stopped, in its own frame, as soon as a person presses what may lead away. Nothing that anybody sends is dropped.
// A tick on its way at that very moment goes first: Streamlit sends it in a task of its own, and the click waits for it.
const TIMER = "streamlit_autorefresh"; // in the address of the timer's frame
const INTERVAL_MS = 1000; // of a timer that is started again; Streamlit tells it another one at the page's next run
const LEAVING_MS = 10000; // the longest that another page may take to come
const ACTING_MS = 2000; // the longest until a button's run begins, which may lead to another page
const ASKING_MS = 250; // until it is asked again whether a slow server has answered
const AWAITED = ["rerunRequested", "running"]; // what Streamlit says of the app while a run is to come or to end
const PRESSED = "a, button, input, label, [role]"; // what may make the app run

export default function () {
  if (window.vaporHoldsTicks) return;
  window.vaporHoldsTicks = true;
  let sending = false, path = location.pathname;
  const frames = () => [...document.querySelectorAll(`iframe[src*="${TIMER}"]`)].map((frame) => frame.contentWindow);
  const later = (task) => setTimeout(() => setTimeout(task, 0), 0); // after what Streamlit has put off until now
  const stop = (frame) => {
    for (let id = frame.setInterval(() => {}, 1e9); id > 0; id -= 1) frame.clearInterval(id);
  };
  const awaits = () => AWAITED.includes(document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState);
  const start = (frame) => {
    if (awaits() && frames().includes(frame)) {
      frame.vaporStart = setTimeout(start, ASKING_MS, frame);
      return;
    }
    frame.setInterval = frame.vaporSetInterval ?? frame.setInterval;
    frame.postMessage({ type: "streamlit:render", args: { interval: INTERVAL_MS, limit: null, debounce: true } }, "*");
  };
  const hold = (leads) => frames().forEach((frame) => {
    stop(frame);
    clearTimeout(frame.vaporStart);
    // A later press, such as of the button that folds the sidebar away, does not shorten the wait for a page.
    const now = performance.now();
    frame.vaporHeld = Math.max(frame.vaporHeld ?? 0, now + (leads ? LEAVING_MS : ACTING_MS));
    frame.vaporStart = setTimeout(start, frame.vaporHeld - now, frame);
    frame.vaporSetInterval ??= frame.setInterval;
    if (leads) frame.setInterval = () => 0; // a run of the page that is left may ask for it again
  });
  const press = (event) => {
    const pressed = event.target.closest?.(PRESSED), link = pressed?.closest("a");
    const opensHere = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button > 0);
    if (pressed) hold(opensHere && link && link.pathname !== location.pathname);
    return pressed;
  };
  const putOff = (event, again) => {
    event.stopImmediatePropagation();
    event.preventDefault();
    later(again);
  };

  document.addEventListener("pointerdown", press, true);
  document.addEventListener("click", (event) => {
    const pressed = press(event);
    if (pressed && sending && event.isTrusted) putOff(event, () => pressed.click());
  }, true);
  window.addEventListener("popstate", () => hold(location.pathname !== path), true);
  window.addEventListener("message", ({ data, source }) => {
    if (data?.type !== "streamlit:setComponentValue" || !frames().includes(source)) return;
    sending = true;
    path = location.pathname;
    later(() => { sending = false; });
  }, true);
}
