import assert from "node:assert/strict";
import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";

/** Of a query by ids. */
const idsMax = 100;

/**
 * Something that CloudTower lists. Only what is read of it is in its schema, so that nothing else
 * is kept: an answer may hold a CHAP secret.
 */
export interface Noun<T extends { readonly id: string }> {
  /** `get-iscsi-luns` */
  readonly list: string;
  readonly schema: z.ZodType<T>;
}

/** A condition, as CloudTower takes it. */
export type Where = Readonly<Record<string, unknown>>;

/** All of them, by id. @throws what `CloudTower.all` does */
export const listOf = <T extends { readonly id: string }>(
  tower: CloudTower,
  { list, schema }: Noun<T>,
  where: Where,
  call?: StorageCall,
): Promise<readonly T[]> => tower.all(list, { where }, schema, call);

/** The one with the lowest id; it costs the same however many there are. */
export const firstOf = async <T extends { readonly id: string }>(
  tower: CloudTower,
  { list, schema }: Noun<T>,
  where: Where,
  call?: StorageCall,
): Promise<T | undefined> => {
  const [first] = await tower.query(list, { where, orderBy: "id_ASC", first: 1 }, z.array(schema), call);
  return first;
};

/** Those of these that are there, by id. */
export const theseOf = async <T extends { readonly id: string }>(
  tower: CloudTower,
  { list, schema }: Noun<T>,
  ids: Iterable<string>,
  call?: StorageCall,
): Promise<ReadonlyMap<string, T>> => {
  const [wanted, found] = [[...new Set(ids)], new Map<string, T>()];
  for (let from = 0; from < wanted.length; from += idsMax) {
    const some = wanted.slice(from, from + idsMax);
    const body = { ...whereIds(some), orderBy: "id_ASC", first: some.length };
    for (const one of await tower.query(list, body, z.array(schema), call)) found.set(one.id, one);
  }
  return found;
};

/**
 * One and no other. CloudTower takes a condition that says nothing for all that it has, so an id
 * that is none must never be one.
 */
export const whereId = (id: string): { readonly where: Where } => {
  assert(id !== "", "an id is needed");
  return { where: { id } };
};

/** These and no others. */
export const whereIds = (ids: readonly string[]): { readonly where: Where } => {
  assert(ids.length > 0 && ids.every((id) => id !== ""), "ids are needed");
  return { where: { id_in: ids } };
};

/** A call that lists all of a cluster. */
export const inCluster =
  <T extends { readonly id: string }>(noun: Noun<T>) =>
  (tower: CloudTower, clusterId: string, call?: StorageCall): Promise<readonly T[]> =>
    listOf(tower, noun, { cluster: { id: clusterId } }, call);

/** A call that looks for several by their ids. */
export const byIds =
  <T extends { readonly id: string }>(noun: Noun<T>) =>
  (tower: CloudTower, ids: Iterable<string>, call?: StorageCall): Promise<ReadonlyMap<string, T>> =>
    theseOf(tower, noun, ids, call);

/** A call that looks for one by its id. */
export const byId =
  <T extends { readonly id: string }>(noun: Noun<T>) =>
  (tower: CloudTower, id: string, call?: StorageCall): Promise<T | undefined> =>
    firstOf(tower, noun, whereId(id).where, call);

/** A call that looks for the one of a name in a cluster. */
export const byName =
  <T extends { readonly id: string }>(noun: Noun<T>) =>
  (
    tower: CloudTower,
    { clusterId, name }: { readonly clusterId: string; readonly name: string },
    call?: StorageCall,
  ): Promise<T | undefined> =>
    firstOf(tower, noun, { cluster: { id: clusterId }, name }, call);

const idSchema = z.object({ id: z.string().min(1) });

/**
 * Makes what the body says, waits for it, and reads what it has become.
 * @returns in the order of the body
 * @throws what `CloudTower.change` does
 */
export const made = async <T extends { readonly id: string }>(
  tower: CloudTower,
  { noun, operation, body }: { readonly noun: Noun<T>; readonly operation: string; readonly body: object },
  call?: StorageCall,
): Promise<readonly T[]> => {
  const begun = await tower.change(operation, body, idSchema, call);
  const now = await theseOf(
    tower,
    noun,
    begun.map(({ id }) => id),
    call,
  );
  return begun.flatMap(({ id }) => now.get(id) ?? []);
};

/** Changes what is there already. */
export const changed = async (
  tower: CloudTower,
  operation: string,
  body: object,
  call?: StorageCall,
): Promise<void> => {
  await tower.change(operation, body, idSchema, call);
};

/** Deletes; what isn't there any more is deleted. */
export const deleted = async (
  tower: CloudTower,
  operation: string,
  body: object,
  call?: StorageCall,
): Promise<void> => {
  await changed(tower, operation, body, call).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
};

const isNotFound = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "NOT_FOUND";

/** What belongs to something else, or is part of it. */
export const refSchema = z.object({ id: z.string(), name: z.string() });

/** Labels by key, as people gave them. */
export const labelsSchema = z
  .array(z.object({ id: z.string(), key: z.string(), value: z.string().nullish() }))
  .nullish()
  .transform((labels) => Object.fromEntries((labels ?? []).map(({ key, value }) => [key, value ?? ""])));

/** Whether nothing is being done to it: it was made, and is not being changed or deleted. */
export const settledSchema = z
  .string()
  .nullish()
  .transform((status) => status === null || status === undefined);
