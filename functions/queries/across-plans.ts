import type { OfPlan } from "../../core/api/answers.ts";
import type { PlanId } from "../../core/api/ids.ts";
import type { Stored } from "../../core/ports/store.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import { planNameKey, planNamePrefix } from "../documents/records.ts";
import { encodeCursor, foreignCursor } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * A plan as the catalogue has it: those that are there by name, and then those that were deleted.
 */
export interface NamedPlan {
  readonly id: PlanId;
  readonly name: string;
  readonly isDeleted: boolean;
}

/** What a line of a list says of its plan. */
export const ofPlan = ({ name, isDeleted }: NamedPlan): OfPlan => ({
  planName: name,
  ...(isDeleted && { isPlanDeleted: true }),
});

type ReadPlan<T> = (plan: NamedPlan, request: PageRequest) => Promise<Page<T>>;

const plansAtOnce = 8;
/** So many plans are looked at for a page, which may be short or empty where they have little. */
const plansPerPage = 48;

/**
 * Where a list goes on: after a plan in the catalogue, and in the one that follows at
 * a cursor of its own.
 */
interface Place {
  readonly after?: string | undefined;
  readonly inner?: string | undefined;
}

/**
 * What all plans have, plan after plan, and of each in its own order.
 * @param read a page of what one plan has
 * @throws {VisibleError} BAD_REQUEST for a cursor of another list
 */
export const readAcrossPlans = async <T>(
  { store }: Pick<Deps, "store">,
  { limit, cursor }: PageRequest,
  read: ReadPlan<T>,
): Promise<Page<T>> => {
  const items: T[] = [];
  let unreadable = 0;
  let place: Place = placeIn(cursor);
  const page = (next: Place | undefined): Page<T> => ({
    items,
    ...(next !== undefined && { cursor: cursorOf(next) }),
    ...(unreadable > 0 && { unreadable }),
  });
  for (let plans = 0; plans < plansPerPage; plans += plansAtOnce) {
    const batch = await store.query<{ planId: PlanId }>({
      partition: planNameKey("").partition,
      limit: plansAtOnce,
      cursor: place.after,
    });
    const requested = { limit: limit - items.length };
    const { inner } = place;
    const pages = await mapBounded([...batch.items.entries()], plansAtOnce, ([at, stored]) =>
      read(namedPlan(stored), { ...requested, cursor: at === 0 ? inner : undefined }),
    );
    for (const [at, stored] of batch.items.entries()) {
      const room = limit - items.length;
      if (room === 0) return page(place);
      const whole = pages[at];
      const fits = whole !== undefined && whole.items.length <= room;
      const some = fits ? whole : await read(namedPlan(stored), { limit: room, cursor: place.inner });
      items.push(...some.items);
      unreadable += some.unreadable ?? 0;
      if (some.cursor !== undefined) return page({ ...place, inner: some.cursor });
      place = { after: encodeCursor(stored.key.sort) };
    }
    if (batch.cursor === undefined) return page(undefined);
  }
  return page(place);
};

/** `NAME#nightly`, `PASTNAME#nightly#plan_…` */
const namedPlan = ({ key, body }: Stored<{ planId: PlanId }>): NamedPlan => ({
  id: body.planId,
  name: key.sort.split("#")[1] ?? "",
  isDeleted: !key.sort.startsWith(planNamePrefix),
});

const none = "-";
const separator = "~";

const cursorOf = ({ after = none, inner = none }: Place): string => `${after}${separator}${inner}`;

const placeIn = (cursor: string | undefined): Place => {
  if (cursor === undefined) return {};
  const [after, inner, ...rest] = cursor.split(separator);
  if (after && inner && rest.length === 0) return { after: given(after), inner: given(inner) };
  throw foreignCursor();
};

const given = (text: string): string | undefined => (text === none ? undefined : text);
