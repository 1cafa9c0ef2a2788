import { FakeRefusal } from "./refusal.ts";

/* What CloudTower's queries ask for: `where`, `orderBy`, and pages. */

export type FakeWhere = Readonly<Record<string, unknown>>;

export interface FakeQuery {
  readonly where?: FakeWhere | null;
  readonly orderBy?: string | null;
  readonly skip?: number | null;
  readonly first?: number | null;
  readonly last?: number | null;
  /** The id of an entity. */
  readonly after?: string | null;
  readonly before?: string | null;
}

/** What a field is compared with by what stands behind its name. */
const comparisons: Readonly<Record<string, (value: unknown, wanted: unknown) => boolean>> = {
  _not_in: (value, wanted) => !isIn(value, wanted),
  _in: (value, wanted) => isIn(value, wanted),
  _not_contains: (value, wanted) => !String(value).includes(String(wanted)),
  _contains: (value, wanted) => String(value).includes(String(wanted)),
  _not_starts_with: (value, wanted) => !String(value).startsWith(String(wanted)),
  _starts_with: (value, wanted) => String(value).startsWith(String(wanted)),
  _not_ends_with: (value, wanted) => !String(value).endsWith(String(wanted)),
  _ends_with: (value, wanted) => String(value).endsWith(String(wanted)),
  _not: (value, wanted) => !isSame(value, wanted),
  _some: (value, wanted) => listOf(value).some((item) => matches(item, whereOf(wanted))),
  _every: (value, wanted) => listOf(value).every((item) => matches(item, whereOf(wanted))),
  _none: (value, wanted) => !listOf(value).some((item) => matches(item, whereOf(wanted))),
  _lte: (value, wanted) => compare(value, wanted) <= 0,
  _lt: (value, wanted) => compare(value, wanted) < 0,
  _gte: (value, wanted) => compare(value, wanted) >= 0,
  _gt: (value, wanted) => compare(value, wanted) > 0,
};

/** @throws FakeRefusal when the filter asks for what this stand-in does not model */
export const matches = (entity: object, where: FakeWhere): boolean =>
  Object.entries(where).every(([name, wanted]) => {
    if (wanted === undefined) return true;
    if (name === "AND") return listOf(wanted).every((part) => matches(entity, whereOf(part)));
    if (name === "OR") return listOf(wanted).some((part) => matches(entity, whereOf(part)));
    if (name === "NOT") return !listOf(wanted).some((part) => matches(entity, whereOf(part)));
    if (name in entity) return isSame(Reflect.get(entity, name), wanted);
    const [ending, comparison] = Object.entries(comparisons).find(([suffix]) => name.endsWith(suffix)) ?? [];
    const field = name.slice(0, name.length - (ending?.length ?? 0));
    if (comparison === undefined || !(field in entity)) {
      throw new FakeRefusal(500, `the stand-in does not model ${name} of ${entity.constructor.name}`);
    }
    return comparison(Reflect.get(entity, field), wanted);
  });

/** What is asked for, in order. */
export const select = <T extends { readonly id: string }>(entities: readonly T[], query: FakeQuery): readonly T[] => {
  const { where, orderBy, skip, first, last, after, before } = query;
  let found = entities.filter((entity) => matches(entity, where ?? {}));
  if (orderBy !== undefined && orderBy !== null) found = sorted(found, orderBy);
  if (after) found = found.slice(found.findIndex(({ id }) => id === after) + 1);
  if (before)
    found = found.slice(
      0,
      Math.max(
        0,
        found.findIndex(({ id }) => id === before),
      ),
    );
  found = found.slice(skip ?? 0);
  if (typeof first === "number") found = found.slice(0, first);
  return typeof last === "number" ? found.slice(Math.max(0, found.length - last)) : found;
};

const sorted = <T extends object>(entities: readonly T[], orderBy: string): T[] => {
  const at = orderBy.lastIndexOf("_");
  const field = orderBy.slice(0, at);
  const sign = orderBy.slice(at) === "_DESC" ? -1 : 1;
  return entities.toSorted((a, b) => sign * compare(Reflect.get(a, field), Reflect.get(b, field)));
};

const compare = (a: unknown, b: unknown): number => {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : Number(left > right);
};

/** A filter of what a field refers to, or its value. */
const isSame = (value: unknown, wanted: unknown): boolean => {
  if (typeof wanted !== "object" || wanted === null) return (value ?? null) === wanted;
  return typeof value === "object" && value !== null && matches(value, whereOf(wanted));
};

const isIn = (value: unknown, wanted: unknown): boolean => Array.isArray(wanted) && wanted.includes(value);
const listOf = (value: unknown): readonly object[] => (Array.isArray(value) ? value : []);
const whereOf = (value: unknown): FakeWhere => value as FakeWhere;
