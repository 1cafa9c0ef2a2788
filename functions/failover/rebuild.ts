import type { Failover } from "../../core/api/failover/failover.ts";
import type { RebuildOptions } from "../rebuild/plan-rebuild.ts";

/**
 * What is made there, and how: under the names, with the MAC addresses and LUN ids that it had, and
 * switched off. A test's has other names, and no NIC is connected.
 */
export const rebuildThere = ({
  kind,
  wishes: { renames, pool, switches },
}: Pick<Failover, "kind" | "wishes">): Omit<RebuildOptions, "siteId"> => ({
  ...(kind === "test"
    ? { namePrefix: "test-", disconnectNics: true }
    : { namePrefix: "", keepMacs: true, keepLunIds: true }),
  ...(renames && { renames }),
  ...(pool !== undefined && { pool }),
  ...(switches && kind !== "test" && { switches }),
});

/** Before the names of what is made at home beside what it stands for: other ones at each try. */
export const besidePrefix = ({ madeBeside, runId }: Pick<Failover, "madeBeside" | "runId">): string => {
  const tries = madeBeside.filter((one) => one !== runId).length;
  return tries === 0 ? "failback-" : `failback-${tries + 1}-`;
};
