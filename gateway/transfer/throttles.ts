import type { SiteId } from "../../core/api/ids.ts";
import type { SettingsTask } from "../../core/api/task.ts";
import type { Time } from "../time/time.ts";
import { createThrottle, type Throttle } from "./throttle.ts";

/** The throttles of a gateway, one for each target: all that goes there shares it. */
export interface Throttles {
  to(target: SiteId): Pick<Throttle, "take">;
  /** Takes this gateway's share of the site's limits; where there is none, nothing is held back. */
  apply(settings: Pick<SettingsTask, "gateways" | "limits">): void;
}

export const createThrottles = (time: Time): Throttles => {
  const throttles = new Map<SiteId, Throttle>();
  const to = (target: SiteId): Throttle => {
    const throttle = throttles.get(target) ?? createThrottle(time);
    throttles.set(target, throttle);
    return throttle;
  };
  return {
    to,
    apply({ gateways, limits }) {
      const shares = new Map(limits.map(({ target, bytesPerSecond }) => [target, bytesPerSecond / gateways]));
      for (const target of new Set([...throttles.keys(), ...shares.keys()])) to(target).setRate(shares.get(target));
    },
  };
};
