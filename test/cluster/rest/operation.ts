import type { FakeModel } from "./model.ts";
import { type FakeQuery, select } from "./query.ts";
import type { FakeChange } from "./tasks.ts";

/** What an operation of the contract does. Its body has been held to the contract before. */
export type FakeOperation =
  | { readonly kind: "query"; readonly answer: (model: FakeModel, body: unknown) => unknown }
  | { readonly kind: "change"; readonly changes: (model: FakeModel, body: unknown) => readonly FakeChange[] };

export type FakeOperations = Readonly<Record<string, FakeOperation>>;

/** @param changes what a body asks for; a body is read as what the contract says that it is */
export const change = <Body>(changes: (model: FakeModel, body: Body) => readonly FakeChange[]): FakeOperation => ({
  kind: "change",
  changes: (model, body) => changes(model, body as Body),
});

/** A change with a list of parameters: one change each. */
export const changeEach = <Params>(one: (model: FakeModel, params: Params) => FakeChange): FakeOperation =>
  change<readonly Params[]>((model, list) => list.map((params) => one(model, params)));

export const query = (answer: (model: FakeModel, body: FakeQuery) => unknown): FakeOperation => ({
  kind: "query",
  answer: (model, body) => answer(model, body as FakeQuery),
});

/** The query for one kind of thing, and the one that counts them. */
export const queriesOf = <T extends { readonly id: string }>(
  plural: string,
  all: (model: FakeModel) => readonly T[],
): FakeOperations => ({
  [`/get-${plural}`]: query((model, body) => select(all(model), body)),
  [`/get-${plural}-connection`]: query((model, body) => ({ aggregate: { count: select(all(model), body).length } })),
});
