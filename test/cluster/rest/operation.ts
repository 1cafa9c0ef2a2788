import type { TowerModel } from "./model.ts";
import { select, type TowerQuery } from "./query.ts";
import type { TowerChange } from "./tasks.ts";

/** What an operation of the contract does. Its body has been held to the contract before. */
export type TowerOperation =
  | { readonly kind: "query"; readonly answer: (model: TowerModel, body: unknown) => unknown }
  | { readonly kind: "change"; readonly changes: (model: TowerModel, body: unknown) => readonly TowerChange[] };

export type TowerOperations = Readonly<Record<string, TowerOperation>>;

/** @param changes what a body asks for; a body is read as what the contract says that it is */
export const change = <Body>(changes: (model: TowerModel, body: Body) => readonly TowerChange[]): TowerOperation => ({
  kind: "change",
  changes: (model, body) => changes(model, body as Body),
});

/** A change with a list of parameters: one change each. */
export const changeEach = <Params>(one: (model: TowerModel, params: Params) => TowerChange): TowerOperation =>
  change<readonly Params[]>((model, list) => list.map((params) => one(model, params)));

export const query = (answer: (model: TowerModel, body: TowerQuery) => unknown): TowerOperation => ({
  kind: "query",
  answer: (model, body) => answer(model, body as TowerQuery),
});

/** The query for one kind of thing, and the one that counts them. */
export const queriesOf = <T extends { readonly id: string }>(
  plural: string,
  all: (model: TowerModel) => readonly T[],
): TowerOperations => ({
  [`/get-${plural}`]: query((model, body) => select(all(model), body)),
  [`/get-${plural}-connection`]: query((model, body) => ({ aggregate: { count: select(all(model), body).length } })),
});
