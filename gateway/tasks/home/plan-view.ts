import type { Mapping, ObjectConfig } from "../../../core/api/object.ts";
import type { StandIn, StoodFor } from "../../storage/control.ts";
import { objectKey } from "../entries.ts";
import { type InHomeTerms, inHomeTerms } from "./home-terms.ts";

/** What a site has that may be a plan's, told in home terms. */
export interface PlanView {
  readonly objects: readonly ObjectConfig[];
  /** By their keys, why some of them can't be taken. */
  readonly unusable: ReadonlyMap<string, string>;
  /** By their keys, where NICs are connected here of what names another site's switches. */
  readonly mappings: ReadonlyMap<string, Mapping>;
  /** Volumes that are told by another id than their own. */
  readonly standsFor: readonly StoodFor[];
  /** By their keys, the ids that objects have here, where they are told by others. */
  readonly localIds: ReadonlyMap<string, string>;
}

/** A plan whose objects are the originals. */
export const originals = (site: readonly ObjectConfig[]): PlanView => ({
  objects: site,
  unusable: new Map(),
  mappings: new Map(),
  standsFor: [],
  localIds: new Map(),
});

/**
 * @param standIns what stands for the plan's objects, those that were deleted too
 * @param site what the plan's own site has, where this is it; undefined: nothing of this site is
 *   the plan's but what stands for its objects, whatever its rules would fit
 */
export const planView = (standIns: readonly StandIn[], site: readonly ObjectConfig[] | undefined): PlanView => {
  const standsFor = standIns.flatMap(({ volumes }) => volumes);
  const homes = new Map(standsFor.map(({ volumeId, homeId }) => [volumeId, homeId]));
  const local = new Map(standsFor.map(({ volumeId, homeId }) => [homeId, volumeId]));
  const isAtHome = site !== undefined;
  const told: Told[] = standIns.flatMap(({ home, madeName, object }) =>
    object === undefined ? [] : [{ local: object, ...inHomeTerms({ home, madeName }, object, { homes, isAtHome }) }],
  );
  const byVolume = new Map((site ?? []).map((object) => [volumeKey(object), object]));
  const known = new Set(told.map(({ local }) => objectKey(local)));
  const disks = (site ?? []).flatMap((object) =>
    known.has(objectKey(object)) ? [] : (diskByItself(object, homes, byVolume) ?? []),
  );
  const replaced = new Set([
    ...known,
    ...standIns.map(({ home }) => objectKey(home)),
    ...disks.flatMap(({ local, object }) => [objectKey(local), objectKey(object)]),
  ]);
  const others = (site ?? []).filter((object) => !replaced.has(objectKey(object)));
  const all: Told[] = [...others.map((object) => ({ local: object, object, mapping: null })), ...told, ...disks];
  return {
    objects: all.map(({ object }) => object),
    unusable: new Map(all.map((one) => twice(one, local)).filter((one) => one !== undefined)),
    mappings: new Map(all.flatMap(({ object, mapping }) => (mapping ? [[objectKey(object), mapping]] : []))),
    standsFor,
    localIds: new Map(all.map(({ local, object }) => [objectKey(object), local.id])),
  };
};

/** By which a volume's own object is found. */
const volumeKey = ({ kind, volumes }: { readonly kind: string; readonly volumes: readonly { id: string }[] }): string =>
  `${kind}/${volumes[0]?.id}`;

interface Told extends InHomeTerms {
  readonly local: ObjectConfig;
}

/**
 * A disk of what stands for a VM is a volume by itself as well, and in the place of the original's:
 * a rule for volumes must not take both.
 */
const diskByItself = (
  object: ObjectConfig,
  homes: ReadonlyMap<string, string>,
  byVolume: ReadonlyMap<string, ObjectConfig>,
): Told | undefined => {
  const [volume] = object.volumes;
  const homeId = homes.get(volume?.id ?? "");
  if (object.kind !== "volume" || volume === undefined || homeId === undefined) return undefined;
  const original = byVolume.get(volumeKey({ kind: "volume", volumes: [{ id: homeId }] }));
  const { id, name } = original ?? { id: homeId, name: object.name };
  const { origin: _, ...rest } = object;
  return { local: object, object: { ...rest, id, name, volumes: [{ ...volume, id: homeId }] }, mapping: null };
};

/** A volume that another one stands for would be in the group twice. */
const twice = (
  { local: { volumes }, object }: Told,
  local: ReadonlyMap<string, string>,
): readonly [string, string] | undefined => {
  const stray = volumes.find(({ id }, index) => (local.get(object.volumes[index]?.id ?? "") ?? id) !== id);
  return stray && [objectKey(object), `another volume of the plan stands for its volume ${stray.id}`];
};
