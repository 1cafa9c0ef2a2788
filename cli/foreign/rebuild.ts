import { VisibleError } from "../../core/api/errors.ts";
import { visibleFailure } from "../../core/api/failure.ts";
import type { ForeignRestore } from "../../core/api/foreign/answers.ts";
import { type GroupId, groupIdOf, planIdOf, type RunId } from "../../core/api/ids.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { RebuildCreate } from "../../core/api/restore/rebuild.ts";
import { type RebuildWishes, rebuildWishesSchema } from "../../core/api/restore/wishes.ts";
import { mappedTo } from "../../core/object/switches.ts";
import { chosenToRebuild } from "../../core/rebuild/choice.ts";
import { meantAmong } from "../../core/rebuild/meant.ts";
import { nameOfRebuilt } from "../../core/rebuild/new-name.ts";
import { macsInUse, refuseTakenMac } from "../../core/rebuild/refuse-macs.ts";
import { refuseTakenNames, refuseWrongNames } from "../../core/rebuild/refuse-names.ts";
import { refuseWrongPlace } from "../../core/rebuild/refuse-place.ts";
import { type Survey, surveyRebuild } from "../../core/rebuild/survey.ts";
import type { Owner } from "../../gateway/storage/control.ts";
import type { ForeignSite } from "./site.ts";

export type ForeignRebuildOptions = Pick<RebuildCreate, "namePrefix" | "evenDamaged" | "objects" | "name" | "renames"> &
  RebuildWishes;

interface ToMake {
  readonly object: ObjectConfig;
  readonly name: string;
}

/** A rebuild that nothing is in the way of, as far as the site's storage says. */
export interface PlannedRebuild {
  readonly restoreId: RunId;
  readonly owner: Owner;
  readonly groupId: GroupId;
  readonly toMake: readonly ToMake[];
  readonly wishes: RebuildWishes;
  readonly evenDamaged: boolean;
}

/**
 * Works out what is made of a group's objects, or of some of them. All that is in the way is told
 * before anything is made.
 * @param restoreId names what is made. One that has made some of it goes on with the rest
 * @throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_NAME_TAKEN, POOL_UNKNOWN,
 *   POOL_FULL, SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN, GROUP_DAMAGED, BAD_REQUEST (a name that can't be)
 */
export const planForeignRebuild = async (
  site: ForeignSite,
  manifest: Manifest,
  restoreId: RunId,
  options: ForeignRebuildOptions,
): Promise<PlannedRebuild> => {
  const { objects: configs, groupId, planId, source } = manifest;
  const owner = { planId, source };
  const { objects = [], renames = [], namePrefix, evenDamaged } = options;
  const see = `smtx-backup foreign-plan show ${planId} --group ${groupId} -c ${site.at}`;
  const texts = [...objects, ...renames.map(({ object }) => object)];
  const chosen = chosenToRebuild(await meantAmong(configs, texts, { groupId, see }), configs.length, options);
  const survey = await surveyRebuild(configs, chosen, namePrefix);
  const wishes = rebuildWishesSchema.parse(options);
  const toMake = configs.flatMap((object, index) =>
    chosen.indices?.includes(index) === false
      ? []
      : [{ object, name: nameOfRebuilt(object, chosen.names.get(index), namePrefix) }],
  );
  await refuseInTheWay(site, { manifest, survey, wishes, key: groupIdOf(restoreId) });
  if (!evenDamaged) await refuseDamaged(site, groupId, toMake);
  return { restoreId, owner, groupId, toMake, wishes, evenDamaged };
};

const refuseInTheWay = async (
  { storage, config }: ForeignSite,
  of: { readonly manifest: Manifest; readonly survey: Survey; readonly wishes: RebuildWishes; readonly key: string },
): Promise<void> => {
  const { manifest, survey, wishes, key } = of;
  const { siteId } = config;
  const facilities = await storage.facilities();
  refuseWrongPlace({ siteId, wishes, survey, facilities });
  refuseWrongNames(survey.names);
  const made = await madeBy({ storage }, { planId: manifest.planId, source: manifest.source }, key);
  const others = (await storage.inventory()).filter(({ kind, id }) => !made.has(`${kind}/${id}`));
  const { storage: at } = config;
  const toDelete =
    at.kind === "smtx"
      ? `in CloudTower, ${at.tower.url}`
      : `smtx-backup object delete ID --site ${siteId} --store ${at.dir}`;
  refuseTakenNames(survey.names, others, { siteId, toDelete });
  if (!wishes.keepMacs || wishes.disconnectNics) return;
  const macs = macsInUse(survey.nics, {
    switchAt: (name) => mappedTo(wishes.switches ?? {}, name) ?? mappedTo(mappedHere(manifest), name),
    isThere: (name) => facilities.switches.some((one) => one.name === name),
  });
  for (const object of others) refuseTakenMac(macs, object, siteId);
};

/** Switches of the source, and those that the group's mirrors were connected to here. */
const mappedHere = ({ mappings = [] }: Manifest) =>
  Object.assign({}, ...mappings.map((mapping) => mapping?.switches ?? {})) as Record<string, string>;

/** What a restore has made already: each object, and each volume that came with it. */
const madeBy = async (
  { storage }: Pick<ForeignSite, "storage">,
  owner: Owner,
  key: string,
): Promise<ReadonlySet<string>> => {
  const all = await storage.standIns({ owner, keys: [key] });
  return new Set(
    all.flatMap(({ object, volumes }) =>
      object === undefined
        ? []
        : [`${object.kind}/${object.id}`, ...volumes.map(({ volumeId }) => `volume/${volumeId}`)],
    ),
  );
};

const refuseDamaged = async (
  { storage, at }: ForeignSite,
  groupId: GroupId,
  toMake: readonly ToMake[],
): Promise<void> => {
  const volumes = new Set(toMake.flatMap(({ object }) => object.volumes.map(({ id }) => id)));
  const damage = ((await storage.damage()) ?? []).filter(
    (one) => one.groupId === groupId && volumes.has(one.sourceVolumeId),
  );
  if (damage.length === 0) return;
  const named = [...new Set(damage.map(({ name }) => `“${shownName(name)}”`))].slice(0, namedMax).join(", ");
  throw new VisibleError(
    "GROUP_DAMAGED",
    `Of the group ${groupId} some is damaged here: ${named}. Nothing was rebuilt.`,
    {
      hint: `Have what can be read with --damaged; or choose another group of: smtx-backup foreign-plan show ${planIdOf(groupId)} -c ${at}`,
    },
  );
};

const namedMax = 5;

/**
 * Makes them, one after the other. What can't be made keeps nobody else from being made.
 * @param onMade hears of each before the next is begun
 */
export const carryOutRebuild = async (
  { storage }: Pick<ForeignSite, "storage">,
  { restoreId, owner, groupId, toMake, wishes, evenDamaged }: PlannedRebuild,
  {
    signal,
    onMade,
  }: { readonly signal: AbortSignal; readonly onMade: (object: ObjectConfig, from: ObjectConfig) => void },
): Promise<ForeignRestore["objects"]> => {
  const told: ForeignRestore["objects"] = [];
  for (const { object, name } of toMake) {
    const { kind, id } = object;
    const from = { kind, id, name: object.name };
    const of = { key: groupIdOf(restoreId), owner, fromGroupId: groupId, object, name, wishes, evenDamaged };
    try {
      const made = await storage.rebuildObject(of, { signal });
      onMade(made, object);
      told.push({ ...from, made: { kind: made.kind, id: made.id, name: made.name } });
    } catch (error) {
      signal.throwIfAborted();
      const visible = visibleFailure(error, "this host");
      if (visible === undefined) throw error;
      const { code, message, hint } = visible;
      told.push({ ...from, made: null, error: { code, message, ...(hint !== undefined && { hint }) } });
    }
  }
  return told;
};
