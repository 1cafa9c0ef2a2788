import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";

/**
 * The wall clock of a process is another one, for tests that have a night go by:
 * `CLOCK_AHEAD_MS=-3600000 node --import other-clock.ts …`. Child processes inherit it
 * through `NODE_OPTIONS`.
 */
const aheadMs = Number(process.env["CLOCK_AHEAD_MS"]);
if (!Number.isFinite(aheadMs)) throw new Error("CLOCK_AHEAD_MS is no number");

const HostDate = Date;
globalThis.Date = new Proxy(HostDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [HostDate.now() + aheadMs] : args, newTarget),
  apply: () => new Date().toString(),
  get: (target, name, receiver) =>
    name === "now" ? () => HostDate.now() + aheadMs : Reflect.get(target, name, receiver),
});
Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + aheadMs });
// Gateways go by what servers say in `Date`, which Node takes from the host's clock.
subscribe("http.server.request.start", (message) => {
  (message as { response: ServerResponse }).response.setHeader("Date", new Date().toUTCString());
});
