import type { PlanMember, PlanMembersAnswer } from "../../core/api/answers.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import type { Instant } from "../../core/api/ids.ts";
import { isUnusable, type JudgedObject } from "../../core/api/judged-object.ts";
import { isRule, type PlanObject, type PlanRule } from "../../core/api/plan.ts";
import { fitsButIsMirror, ruleText } from "../../core/object/rule.ts";
import { switchMapping } from "../../core/object/switches.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { goneMember, type Mappings, memberByRule, namedMember } from "../../core/plan/member.ts";
import { type GoneRecord, keptUntil } from "../../core/retention/gone.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { type PageRequest, readable } from "../documents/page.ts";
import { readRange } from "../documents/ranges.ts";
import { goneKey, gonePrefix, objectKey, objectPrefix, planKey } from "../documents/records.ts";
import { decodeCursor, encodeCursor, foreignCursor } from "../documents/store-rules.ts";
import { inventoryObservedAt } from "../inventory/inventory.ts";
import { namesakeKey, readNamesakes } from "../inventory/namesakes.ts";
import { lookUpObjects, objectSchema } from "../inventory/objects.ts";
import { goneRecordSchema } from "../plans/gone.ts";
import type { Deps } from "../ports/deps.ts";
import { readFacilities } from "../sites/facilities.ts";
import { readSites } from "../sites/sites.ts";

type QueryDeps = Pick<Deps, "store" | "clock" | "log" | "ids">;

/** What a page is made of. */
interface Scene {
  readonly deps: QueryDeps;
  readonly plan: WholePlan;
  readonly named: readonly PlanObject[];
  readonly rules: readonly PlanRule[];
  readonly observedAt: Instant | undefined;
  readonly facilities: Facilities | undefined;
  readonly mappings: Mappings;
}

/** Some members of one section; `next` is where the section goes on. */
interface Piece {
  readonly members: readonly PlanMember[];
  /** By the rule that would fit them. */
  readonly mirrors?: ReadonlyMap<string, number>;
  readonly next?: string | undefined;
}

/** After `after`, which an earlier piece gave; at most `limit`. */
type Section = (scene: Scene, after: string | undefined, limit: number) => Promise<Piece>;

/** So many documents are looked at for a page of those that rules fit. */
const documentsPerPage = 1000;
const lookUpsAtOnce = 8;

/**
 * Which objects a plan's next run will take and why, as the gateways of its source saw them last;
 * and what is gone of those that it took before. First what is named, in the plan's order, then
 * what rules fit, by id, then what came by a rule and is gone.
 * @throws {VisibleError} BAD_REQUEST for a cursor of another list
 */
export const listMembers = async (
  deps: QueryDeps,
  plan: WholePlan,
  { limit, cursor }: PageRequest,
): Promise<PlanMembersAnswer> => {
  const [observedAt, facilities, [site]] = await Promise.all([
    inventoryObservedAt(deps, plan.source),
    readFacilities(deps, plan.source),
    readSites(deps, [plan.source]),
  ]);
  const mappings = new Map(
    plan.targets.map((target) => [target.site, switchMapping(site?.switchMaps?.[target.site], target.switches)]),
  );
  const named = plan.objects.flatMap((entry) => (isRule(entry) ? [] : [entry]));
  const scene: Scene = { deps, plan, named, rules: plan.objects.filter(isRule), observedAt, facilities, mappings };
  const items: PlanMember[] = [];
  const mirrors = new Map<string, number>();
  let [place, after] = placeOf(cursor);
  while (place < sections.length && items.length < limit) {
    const piece = await sections[place]?.(scene, after, limit - items.length);
    items.push(...(piece?.members ?? []));
    for (const [because, count] of piece?.mirrors ?? []) mirrors.set(because, (mirrors.get(because) ?? 0) + count);
    after = piece?.next;
    if (after !== undefined) break;
    place += 1;
  }
  const isAtEnd = place >= sections.length;
  return {
    items,
    ...(observedAt !== undefined && { observedAt }),
    ...(mirrors.size > 0 && { mirrors: [...mirrors].map(([because, count]) => ({ because, count })) }),
    ...(!isAtEnd && { cursor: encodeCursor(`${place}#${after ?? ""}`) }),
  };
};

const placeOf = (cursor: string | undefined): [number, string | undefined] => {
  if (cursor === undefined) return [0, undefined];
  const [, place, after = ""] = /^([012])#(.*)$/s.exec(decodeCursor(cursor, "")) ?? [];
  if (place === undefined) throw foreignCursor();
  return [Number(place), after === "" ? undefined : after];
};

const namedSection: Section = async (scene, after, limit) => {
  const { deps, plan, named } = scene;
  const from = Number.parseInt(after ?? "0", 10) || 0;
  const some = named.slice(from, from + limit);
  const found = await findById(deps, plan, some);
  const missing = some.filter((one) => !found.has(keyOf(one)));
  const namesakes = await readNamesakes(deps, plan.source, missing, plan.objects);
  const members = await mapBounded(some, lookUpsAtOnce, async (one) => {
    const object = found.get(keyOf(one));
    const gone = object === undefined ? await goneRecord(deps, plan, one) : undefined;
    const namesake = namesakes.get(namesakeKey(one));
    return namedMember(one, object, { ...scene, siteId: plan.source, gone, namesake });
  });
  return { members, next: from + limit < named.length ? String(from + limit) : undefined };
};

const rulesSection: Section = async (scene, after, limit) => {
  const { deps, plan, named, rules } = scene;
  if (rules.length === 0) return { members: [] };
  const isNamed = new Set(named.map(keyOf));
  const members: PlanMember[] = [];
  const mirrors = new Map<string, number>();
  let documents = 0;
  for await (const stored of readRange(deps, objectKey(plan.source, ""), { after })) {
    documents += 1;
    for (const object of readable<JudgedObject>(deps, objectSchema, [stored]).items) {
      const member = isNamed.has(keyOf(object)) ? undefined : memberByRule(rules, object, scene);
      if (member !== undefined) members.push(member);
      const mirrored = isUnusable(object) ? undefined : rules.find((rule) => fitsButIsMirror(rule, object));
      if (mirrored !== undefined) mirrors.set(ruleText(mirrored), (mirrors.get(ruleText(mirrored)) ?? 0) + 1);
    }
    const isFull = members.length >= limit || documents >= documentsPerPage;
    if (isFull) return { members, mirrors, next: stored.key.sort.slice(objectPrefix.length) };
  }
  return { members, mirrors };
};

const goneSection: Section = async ({ deps, plan, named }, after, limit) => {
  const isNamed = new Set(named.map(keyOf));
  const now = deps.clock.now();
  const records: GoneRecord[] = [];
  let next: string | undefined;
  for await (const stored of readRange(deps, { ...planKey(plan.id), sort: gonePrefix }, { after })) {
    const [record] = readable(deps, goneRecordSchema, [stored]).items;
    if (record === undefined || record.backIn !== undefined || record.named) continue;
    if (isNamed.has(keyOf(record)) || keptUntil(record) <= now) continue;
    records.push(record);
    next = stored.key.sort.slice(gonePrefix.length);
    if (records.length >= limit) break;
  }
  const back = await findById(deps, plan, records);
  const members = records.filter((record) => !back.has(keyOf(record))).map(goneMember);
  return { members, next: records.length >= limit ? next : undefined };
};

const sections: readonly Section[] = [namedSection, rulesSection, goneSection];

const keyOf = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `${kind}/${id}`;

const goneRecord = async (deps: QueryDeps, { id }: WholePlan, object: PlanObject): Promise<GoneRecord | undefined> => {
  const stored = await deps.store.get<unknown>(goneKey(id, object.kind, object.id));
  const [record] = stored === undefined ? [] : readable(deps, goneRecordSchema, [stored]).items;
  return record?.backIn === undefined ? record : undefined;
};

/** Those of some objects that the plan's source has. */
const findById = async (
  deps: QueryDeps,
  { source }: WholePlan,
  objects: readonly PlanObject[],
): Promise<ReadonlyMap<string, JudgedObject>> => {
  const wanted = objects.map(({ kind, id }) => ({ kind, id }));
  const known = await lookUpObjects(deps, source, wanted, []);
  return new Map((known?.objects ?? []).map((object) => [keyOf(object), object]));
};
