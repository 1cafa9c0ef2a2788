import type { RevocationList } from "../../core/api/enrolment.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { GatewaySettings } from "../../core/api/site.ts";
import { type SettingsTask, settingsTaskSchema } from "../../core/api/task.ts";
import { isAhead } from "../../core/ports/clock.ts";
import type { Log } from "../log/log.ts";
import type { TaskMessage, TaskSource } from "../queues/task-source.ts";
import type { GatewayIdentity } from "../tasks/context.ts";
import type { Time } from "../time/time.ts";
import { inTime } from "./in-time.ts";
import { parseMessage } from "./parse.ts";
import type { Taker } from "./poll.ts";
import { agentTimings } from "./timings.ts";

/** What is done with this gateway's settings. */
export interface SettingsUse {
  /** Newer ones than before. */
  readonly apply: (settings: SettingsTask) => void;
  /** Whichever list came; an older one than is gone by does nothing. */
  readonly revoke: (list: RevocationList) => Promise<void>;
  /** Of the list of revocations that is gone by. */
  readonly revocationsAt: () => Instant | undefined;
}

export interface SettingsTaker extends Taker {
  /** What this gateway goes by, as it tells the control plane. */
  current(): GatewaySettings;
  /** How often it was told its settings, whether they were news or not. */
  readonly told: number;
}

/**
 * Takes this gateway's settings off the queue that it shares with the site's others, and gives
 * theirs back. What gets lost on the way is sent again: what the gateway tells of itself says which
 * version it has.
 */
export const createSettingsTaker = (
  options: SettingsUse & {
    readonly source: Pick<TaskSource, "remove" | "release">;
    readonly identity: GatewayIdentity;
    /** How many messages one poll may bring. */
    readonly concurrency: number;
    readonly time: Time;
    readonly log: Log;
    /** Ends the waits when the gateway stops. */
    readonly signal: AbortSignal;
  },
): SettingsTaker => {
  const { source, identity, apply, revoke, revocationsAt, concurrency, time, log, signal } = options;
  const active = new Set<Promise<void>>();
  let current: Pick<SettingsTask, "version" | "gateways" | "issuedAt"> | undefined;
  let told = 0;

  /**
   * Messages overtake each other. Of the same version, the later one knows better how many gateways
   * there are; but not one from when the control plane's clock was ahead.
   */
  const isNewer = ({ version, issuedAt }: SettingsTask): boolean => {
    if (current === undefined) return true;
    if (version !== current.version) return version > current.version;
    return issuedAt > current.issuedAt || isAhead(current.issuedAt, issuedAt);
  };

  const takeOurs = async (settings: SettingsTask, { receipt }: TaskMessage): Promise<void> => {
    if (isNewer(settings)) {
      apply(settings);
      current = settings;
      const { version, gateways, limits } = settings;
      log.info({ version, gateways, limits }, "settings taken");
    }
    if (settings.revocations !== undefined) await revoke(settings.revocations);
    told += 1;
    await source.remove(receipt);
  };

  /** Of a gateway that has not come for it in a while, it is removed: nobody may ever come. */
  const giveBack = async (settings: SettingsTask, { receipt }: TaskMessage): Promise<void> => {
    const ageMs = time.nowMs() - Date.parse(settings.issuedAt);
    if (ageMs > agentTimings.settingsMsMax) return source.remove(receipt);
    await source.release(receipt);
    // Whoever gave it back must not be the one who gets it again.
    await time.sleep(agentTimings.settingsPauseMs, signal);
  };

  const take = async (message: TaskMessage): Promise<void> => {
    const parsed = parseMessage(settingsTaskSchema, message.body, identity.siteId);
    if ("problem" in parsed) {
      const { problem } = parsed;
      log.error({ messageId: message.messageId, problem }, "a message is not settings for this site; it is left");
      return;
    }
    const isOurs = parsed.task.gatewayId === identity.id;
    try {
      await inTime("deal with settings", time, () => (isOurs ? takeOurs : giveBack)(parsed.task, message));
    } catch (error) {
      log.failed({ err: error, messageId: message.messageId }, "could not deal with settings; they come again");
    }
  };

  return {
    current: () => {
      const listed = revocationsAt();
      return {
        version: current?.version ?? 0,
        gateways: current?.gateways ?? 1,
        ...(listed !== undefined && { revocationsAt: listed }),
      };
    },
    get told() {
      return told;
    },
    /** One poll's messages are dealt with before the next poll. */
    get count() {
      return active.size === 0 ? 0 : concurrency;
    },
    get isIdle() {
      return active.size === 0;
    },
    accept(message) {
      const tracked = take(message).finally(() => active.delete(tracked));
      active.add(tracked);
      return true;
    },
    oneEnded: () => Promise.race(active),
  };
};
