import type { SiteId } from "../../../core/api/ids.ts";
import { jsonIn } from "../../../core/api/json.ts";
import type { Log } from "../../log/log.ts";

/**
 * Envoy's own log on standard error: one word for the level, then the message; what follows of a
 * message of several lines has no level. Its log of connections on standard output, which it would
 * keep back for 10 s.
 */
export const outputArguments = ["--log-level", "warning", "--log-format", "%l %v", "--file-flush-interval-msec", "250"];

const levels = { critical: "error", error: "error", warning: "warn", info: "info" } as const;

/** A line of Envoy's own log, in ours. */
export const logLine = (line: string, log: Log): void => {
  const [, word = "", rest = ""] = /^(\w+) (.*)$/.exec(line) ?? [];
  const level = Object.hasOwn(levels, word) ? levels[word as keyof typeof levels] : undefined;
  if (level === undefined) log.warn({ envoy: line }, "Envoy says something");
  else log[level]({ envoy: rest }, "Envoy says something");
};

/**
 * A line of its log of connections (`connectionLog`), in ours: refusals are warnings, and say why.
 * @param onRefused is told of those between us and a site that we send to
 */
export const connectionLine = (
  line: string,
  log: Log,
  onRefused: (siteId: SiteId, reason: string) => void = () => undefined,
): void => {
  const fields = jsonIn(line);
  if (typeof fields !== "object" || fields === null) {
    log.warn({ envoy: line }, "Envoy says something");
    return;
  }
  const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== "-"));
  if (known["refused"] === undefined) log.debug(known, "a connection of the tunnel ended");
  else if (known["link"] === "in") log.warn(known, "a peer was refused in the handshake");
  else {
    log.warn(known, "a site's gateway could not be reached, or is not who it should be");
    onRefused(known["site"] as SiteId, String(known["refused"]));
  }
};
