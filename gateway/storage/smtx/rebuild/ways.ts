import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { RebuildWay } from "../../../../core/api/restore/way.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { type Abilities, type AbilityAnswer, abilitiesOf } from "../abilities/abilities.ts";

/* How objects would be made again here, by what the cluster was seen to do. */

const speed = "bytes a second of the last copy";

/** Inside a transaction. What was copied in less time tells little. */
export const noteCopy = (database: Database, { bytes, ms }: { readonly bytes: number; readonly ms: number }): void => {
  if (ms < copyMsMin) return;
  database.run("INSERT OR REPLACE INTO counters VALUES (?, ?)", speed, Math.max(1, Math.round((bytes * 1000) / ms)));
};

const copyMsMin = 200;

export const rebuildWaysOf = (database: Database, objects: readonly ObjectConfig[]): readonly RebuildWay[] => {
  const abilities = abilitiesOf(database);
  const bytesPerSecond = database.one<{ value: number }>("SELECT value FROM counters WHERE name = ?", speed)?.value;
  return objects.map((object) => wayOf(object, { abilities, bytesPerSecond }));
};

const wayOf = (
  { kind, volumes }: ObjectConfig,
  { abilities, bytesPerSecond }: { readonly abilities: Abilities; readonly bytesPerSecond: number | undefined },
): RebuildWay => {
  switch (kind) {
    case "lun": {
      const { answer } = abilities.rollsBackToOthers;
      if (answer !== "no") return shared("snapshot", answer);
      const bytes = volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      return { how: "copy", seconds: bytesPerSecond === undefined ? null : Math.ceil(bytes / bytesPerSecond) };
    }
    case "volume":
    case "vm": {
      const { answer } = abilities.rollsBackVolumes;
      return answer === "no" && volumes.length > 0 ? { how: "none", seconds: null } : shared("snapshot", answer);
    }
    case "nfs-file":
      return shared("clone", abilities.clonesAreMetadata.answer);
  }
};

/** At once, where that was seen. */
const shared = (how: RebuildWay["how"], answer: AbilityAnswer): RebuildWay => ({
  how,
  seconds: answer === "yes" ? 0 : null,
});
