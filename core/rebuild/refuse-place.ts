import { bytesText } from "../api/bytes.ts";
import { VisibleError } from "../api/errors.ts";
import type { Facilities } from "../api/facilities.ts";
import type { SiteId } from "../api/ids.ts";
import { shownName } from "../api/name.ts";
import type { RebuildWishes } from "../api/restore/wishes.ts";
import type { Survey } from "./survey.ts";

interface Wished {
  readonly siteId: SiteId;
  readonly wishes: RebuildWishes;
  readonly survey: Pick<Survey, "switches" | "sizeBytes">;
  /** Undefined: the site has not told yet; its storage refuses what is wrong then. */
  readonly facilities: Facilities | undefined;
}

/**
 * Pool and switches that are wished for, as the site told of them last.
 * @throws VisibleError POOL_UNKNOWN, POOL_FULL, SWITCH_UNKNOWN, BAD_REQUEST
 */
export const refuseWrongPlace = ({ siteId, wishes, survey, facilities }: Wished): void => {
  const { pool, switches = {}, disconnectNics } = wishes;
  if (disconnectNics && Object.keys(switches).length > 0) {
    throw new VisibleError("BAD_REQUEST", "NICs are either connected to other switches or not at all.", {
      hint: "Leave out --switch or --disconnect-nics.",
    });
  }
  for (const from of Object.keys(switches)) if (!survey.switches.has(from)) throw notUsed(from, survey.switches);
  if (facilities === undefined) return;
  const there = facilities.switches.map(({ name }) => name);
  for (const to of Object.values(switches)) {
    if (!there.includes(to)) throw unknown("SWITCH_UNKNOWN", `virtual switch “${shownName(to)}”`, siteId, there);
  }
  if (pool !== undefined) refusePool(pool, siteId, facilities, survey.sizeBytes);
};

const refusePool = (name: string, siteId: SiteId, { pools }: Facilities, sizeBytes: number): void => {
  const pool = pools.find((one) => one.name === name);
  if (pool === undefined) {
    const names = pools.map((one) => one.name);
    throw unknown("POOL_UNKNOWN", `storage pool “${shownName(name)}”`, siteId, names);
  }
  const { capacityBytes = Number.POSITIVE_INFINITY, usedBytes = 0 } = pool;
  const missing = usedBytes + sizeBytes - capacityBytes;
  if (missing <= 0) return;
  throw new VisibleError(
    "POOL_FULL",
    `What is rebuilt has ${bytesText(sizeBytes)}, and the storage pool “${name}” of site ${siteId} lacks ${bytesText(missing)} for it.`,
    { hint: "Choose another pool with --pool, or fewer objects with --object." },
  );
};

const unknown = (code: "POOL_UNKNOWN" | "SWITCH_UNKNOWN", what: string, siteId: SiteId, there: readonly string[]) =>
  new VisibleError(code, `Site ${siteId} has no ${what}.`, { hint: namesText(there) });

const notUsed = (name: string, used: ReadonlySet<string>) =>
  new VisibleError(
    "SWITCH_UNKNOWN",
    `No VM that is rebuilt was connected to the virtual switch “${shownName(name)}”.`,
    {
      hint: namesText([...used].sort()),
    },
  );

const namesMax = 20;

const namesText = (names: readonly string[]): string =>
  names.length === 0
    ? "There is none at all."
    : `There are: ${names
        .slice(0, namesMax)
        .map((name) => `“${shownName(name)}”`)
        .join(", ")}${names.length > namesMax ? ", …" : ""}.`;
