import { VisibleError } from "../../core/api/errors.ts";
import { clockOffSecondsMax } from "../../core/ports/clock.ts";
import type { Log } from "../log/log.ts";
import type { HostClock } from "../time/host-clock.ts";

/** A look is told by what it finds, and logs nothing. */
export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  failed: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/**
 * That this host's clock is that of whoever was heard, as far as certificates and signatures need
 * it. @throws VisibleError BAD_REQUEST
 */
export const assertRight = ({ aheadSeconds = 0 }: Pick<HostClock, "aheadSeconds">): void => {
  if (Math.abs(aheadSeconds) <= clockOffSecondsMax) return;
  const how = aheadSeconds > 0 ? "ahead" : "behind";
  const minutes = Math.round(Math.abs(aheadSeconds) / 60);
  throw new VisibleError("BAD_REQUEST", `This host's clock is wrong by ${minutes} minutes: it is ${how}.`, {
    hint: "Let it follow a time server: certificates and signatures depend on it.",
  });
};
