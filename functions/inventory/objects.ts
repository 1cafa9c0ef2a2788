import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { ObjectsAnswer } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { JudgedObject } from "../../core/api/judged-object.ts";
import { foldedName, shownName } from "../../core/api/name.ts";
import { type ObjectQuery, objectConfigSchema, unusableObjectSchema } from "../../core/api/object.ts";
import { isRule, type PlanDefinition, type PlanEntry } from "../../core/api/plan.ts";
import { keyPart } from "../../core/object/place.ts";
import { fitsJudged } from "../../core/object/rule.ts";
import { judgedByKind } from "../../core/object/unsupported.ts";
import type { KnownObjects } from "../../core/plan/named.ts";
import type { Key } from "../../core/ports/store.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { filledPage, type Page, type PageRequest, readable, readPage } from "../documents/page.ts";
import { readRange } from "../documents/ranges.ts";
import { objectKey, objectNameKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { readFacilities } from "../sites/facilities.ts";
import { inventoryObservedAt } from "./inventory.ts";

export const objectSchema = z.union([unusableObjectSchema, objectConfigSchema]);
const namedSchema = z.object({ place: z.string() });

type QueryDeps = Pick<Deps, "store" | "clock" | "log" | "ids">;

/**
 * What a site has, by id, or those of its objects that are of a kind, or have an id or a name. A
 * page of the latter may be short.
 * @throws {VisibleError} NOT_FOUND while no gateway of the site has told yet what it has
 */
export const listObjects = async (
  deps: QueryDeps,
  siteId: SiteId,
  wanted: ObjectQuery,
  request: PageRequest,
): Promise<ObjectsAnswer> => {
  const observedAt = await inventoryObservedAt(deps, siteId);
  if (observedAt === undefined) {
    throw new VisibleError("NOT_FOUND", `It is not known yet what site “${siteId}” has.`, {
      hint: "Start a gateway at the site; if one runs, ask it with POST /v1/sites/{site}/inventory.",
    });
  }
  const facilities = await readFacilities(deps, siteId);
  const page = await wantedPage(deps, siteId, wanted, request);
  return { siteId, observedAt, ...page, items: page.items.map((object) => judgedByKind(object, facilities)) };
};

/** So often a page is read at most, where few of the objects are wanted. */
const readsPerPage = 10;

/**
 * A page of those that are wanted: as many as there are in a page of what there is,
 * or in a few of them.
 */
const wantedPage = (
  deps: QueryDeps,
  siteId: SiteId,
  wanted: ObjectQuery,
  request: PageRequest,
): Promise<Page<JudgedObject>> =>
  filledPage(request, readsPerPage, async (some) => {
    const page = await pageOf(deps, siteId, wanted, some);
    return { ...page, items: page.items.filter((object) => isWanted(object, wanted)) };
  });

const pageOf = async (
  deps: QueryDeps,
  siteId: SiteId,
  { id, name }: ObjectQuery,
  request: PageRequest,
): Promise<Page<JudgedObject>> => {
  if (id !== undefined) return readPage<JudgedObject>(deps, objectSchema, idKey(siteId, id), request);
  if (name === undefined) return readPage<JudgedObject>(deps, objectSchema, objectKey(siteId, ""), request);
  const { items: named, ...page } = await readPage(deps, namedSchema, nameKey(siteId, name), request);
  const stored = await mapBounded(named, lookUpsAtOnce, ({ place }) => deps.store.get(objectKey(siteId, place)));
  const { items } = readable<JudgedObject>(
    deps,
    objectSchema,
    stored.flatMap((object) => object ?? []),
  );
  return { ...page, items };
};

/** What all keys begin with of objects that may have the id. */
const idKey = (siteId: SiteId, id: string): Key => objectKey(siteId, `${keyPart(id)}#`);

/** What all keys begin with that lead to objects that may have the name. */
const nameKey = (siteId: SiteId, name: string): Key => objectNameKey(siteId, keyPart(foldedName(name)), "");

const isWanted = (object: JudgedObject, { kind, id, name }: ObjectQuery): boolean =>
  (kind === undefined || object.kind === kind) &&
  (id === undefined || object.id === id) &&
  (name === undefined || foldedName(object.name) === foldedName(name));

const lookUpsAtOnce = 8;
/** With more than this to look up, reading all that a site has takes less. */
const lookUpsMax = 100;
/** Of one id or name. */
const objectsPerLookUpMax = 1000;

/**
 * What a site has of what a plan's definition names and of what its rules fit, as its gateways saw
 * it last; and of what the plan has already, where the definition gives only names. Undefined
 * before a gateway has told.
 */
export const lookUpObjects = async (
  deps: QueryDeps,
  siteId: SiteId,
  wanted: Readonly<PlanDefinition["objects"]>,
  held: readonly PlanEntry[],
): Promise<KnownObjects | undefined> => {
  const observedAt = await inventoryObservedAt(deps, siteId);
  if (observedAt === undefined) return undefined;
  const rules = wanted.filter(isRule);
  const named = wanted.flatMap((entry) => (isRule(entry) ? [] : [entry]));
  const names = new Set(named.flatMap(({ id, name }) => (id === undefined ? namesMeant(name ?? "") : [])));
  const heldIds = held.flatMap((entry) => (!isRule(entry) && names.has(foldedName(entry.name)) ? [entry.id] : []));
  const ids = new Set([...named.flatMap(({ id }) => id ?? []), ...heldIds]);
  const lookUps: readonly ObjectQuery[] = [...[...ids].map((id) => ({ id })), ...[...names].map((name) => ({ name }))];
  const isMeant = (object: JudgedObject) =>
    ids.has(object.id) || names.has(foldedName(object.name)) || rules.some((rule) => fitsJudged(rule, object));
  const found =
    rules.length > 0 || lookUps.length > lookUpsMax
      ? await scan(deps, siteId, isMeant)
      : await mapBounded(lookUps, lookUpsAtOnce, (one) => lookUp(deps, siteId, one));
  return { observedAt, objects: distinct(found.flat()) };
};

/**
 * One may be found by its id and by its name. A store gives a document's fields in whatever order.
 */
const distinct = (objects: readonly JudgedObject[]): readonly JudgedObject[] =>
  [...Map.groupBy(objects, ({ id }) => id).values()].flatMap((some) =>
    some.filter((object, at) => some.findIndex((other) => isDeepStrictEqual(other, object)) === at),
  );

/** The name of what can't be used is stored as it is shown. */
const namesMeant = (name: string): readonly string[] => [foldedName(name), foldedName(shownName(name))];

const lookUp = async (deps: QueryDeps, siteId: SiteId, wanted: ObjectQuery): Promise<readonly JudgedObject[]> => {
  const { items } = await pageOf(deps, siteId, wanted, { limit: objectsPerLookUpMax });
  return items.filter((object) => isWanted(object, wanted));
};

const scan = async (
  deps: QueryDeps,
  siteId: SiteId,
  isMeant: (object: JudgedObject) => boolean,
): Promise<readonly JudgedObject[]> => {
  const found: JudgedObject[] = [];
  for await (const object of everyObject(deps, siteId)) if (isMeant(object)) found.push(object);
  return found;
};

/** All that a site has, one after the other, as its gateways saw it last. */
export async function* everyObject(deps: Pick<Deps, "store" | "log">, siteId: SiteId): AsyncGenerator<JudgedObject> {
  for await (const stored of readRange(deps, objectKey(siteId, ""))) {
    yield* readable<JudgedObject>(deps, objectSchema, [stored]).items;
  }
}
