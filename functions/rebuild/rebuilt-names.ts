import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import { isUnusable } from "../../core/api/judged-object.ts";
import { foldedName, nameCharactersMax } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { rebuiltName, rebuiltNames } from "../../core/object/rebuilt-name.ts";
import { lookUpObjects } from "../inventory/objects.ts";
import type { Deps } from "../ports/deps.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

interface Names {
  readonly runId: RunId;
  readonly siteId: SiteId;
  readonly namePrefix: string;
  /** Which of the run's objects are rebuilt, by index. Absent: all. */
  readonly isChosen?: (index: number) => boolean;
}

/**
 * Names that a restore would give, before anything is made: they are not too long, and nobody has
 * them at the site, as its gateways saw it last.
 * @throws VisibleError BAD_REQUEST, OBJECT_NAME_TAKEN
 */
export const refuseWrongNames = async (deps: Deps, of: Names): Promise<void> => {
  const wanted = await namesOf(deps, of);
  const long = wanted.find(({ name }) => name.length > nameCharactersMax);
  if (long !== undefined) {
    throw new VisibleError("BAD_REQUEST", `“${long.name}” has more than ${nameCharactersMax} characters.`, {
      hint: "Choose a shorter prefix.",
    });
  }
  const known = await lookUpObjects(deps, of.siteId, wanted, []);
  const meanings = new Set(wanted.map(meaningOf));
  const inTheWay = (known?.objects ?? []).flatMap((object) =>
    isUnusable(object) || object.origin?.role === "mirror" || !meanings.has(meaningOf(object)) ? [] : [object],
  );
  if (inTheWay.length > 0) throw namesTaken(of.siteId, inTheWay);
};

interface Name {
  readonly kind: ObjectKind;
  readonly name: string;
}

const namesOf = async (deps: Deps, { runId, namePrefix, isChosen }: Names): Promise<readonly Name[]> => {
  const names: Name[] = [];
  let index = 0;
  for await (const { config } of snapshotFactsOf(deps, runId)) {
    const chosen = isChosen?.(index) !== false;
    const [own = "", ...disks] = chosen ? rebuiltNames(config, rebuiltName(config, namePrefix)) : [];
    if (own !== "") names.push({ kind: config.kind, name: own });
    names.push(...disks.map((name) => ({ kind: "volume", name }) as const));
    index += 1;
  }
  return names;
};

/** LUNs and volumes share their names. */
const meaningOf = ({ kind, name }: Name): string => `${kind === "lun" ? "volume" : kind}/${foldedName(name)}`;

const shownMax = 5;

const namesTaken = (siteId: SiteId, objects: readonly ObjectConfig[]): VisibleError => {
  const shown = objects.slice(0, shownMax).map(({ kind, id, name }) => `${kind} “${name}” (${id})`);
  const more = objects.length > shownMax ? `, and ${objects.length - shownMax} more` : "";
  return new VisibleError(
    "OBJECT_NAME_TAKEN",
    `Site “${siteId}” has objects already whose names the rebuilt ones would get: ${shown.join(", ")}${more}. Nothing was rebuilt.`,
    {
      hint: `Give the rebuilt objects other names: smtx-backup rebuild GROUP --site ${siteId} --prefix TEXT. Or delete what is in the way: smtx-backup object delete ID --site ${siteId}`,
    },
  );
};
