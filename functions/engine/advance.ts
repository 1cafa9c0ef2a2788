import type { Instant } from "../../core/api/ids.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { retrying } from "../documents/conflicts.ts";
import type { Deps } from "../ports/deps.ts";
import { type Effects, type NewEntry, putOutbox } from "./outbox.ts";

interface Decided<State> {
  readonly state: State;
  readonly effects: Effects | undefined;
}

/** How a kind of document goes from one state to the next. */
export interface Aggregate<State extends object, Event> {
  readonly key: Key;
  readonly decide: (state: State, event: Event) => Promise<Decided<State>> | Decided<State>;
  /** When the sweep has to look at it, if nothing happens before. */
  readonly dueAt: (state: State) => Instant | undefined;
  readonly missing: () => Error;
  /** Further documents that change with this one. */
  readonly alongside?: (before: State, after: State) => readonly Change[];
}

/**
 * Loads the document, decides, and commits the new state together with its effects in one
 * transaction, conditional on the version that was read. Somebody else's write in between means:
 * load again, decide again.
 *
 * @returns the state afterwards, and the outbox entry that now has to be drained, if there is one
 * @throws VisibleError CONFLICT when others were faster every time; what `missing` gives when
 * there is no document
 */
export const advance = async <State extends object, Event>(
  deps: Deps,
  aggregate: Aggregate<State, Event>,
  event: Event,
): Promise<{ readonly state: State; readonly outbox: NewEntry | undefined }> => {
  return retrying(deps, async () => {
    const stored = await deps.store.get<State>(aggregate.key);
    if (stored === undefined) throw aggregate.missing();
    const { state, effects } = await aggregate.decide(stored.body, event);
    if (state === stored.body && effects === undefined) return { state, outbox: undefined };
    const dueAt = aggregate.dueAt(state);
    const outbox =
      effects && putOutbox({ aggregate: aggregate.key, version: stored.version + 1, effects, now: deps.clock.now() });
    const put: Change = {
      type: "put",
      key: aggregate.key,
      body: state,
      expect: { version: stored.version },
      ...(dueAt === undefined ? {} : { dueAt }),
    };
    const further = aggregate.alongside?.(stored.body, state) ?? [];
    await deps.store.commit([put, ...further, ...(outbox === undefined ? [] : [outbox])]);
    return { state, outbox };
  });
};
