import { Option } from "commander";
import type { RunListEntry } from "../../core/api/answers.ts";
import { answerOf } from "../context/client.ts";
import type { Answer, Context } from "../context/context.ts";
import { listed, listedUpTo, moreText } from "../control-plane/pages.ts";
import { wholeNumber } from "../input/options.ts";
import { runLine } from "../json/run.ts";
import { historyTable } from "../render/run.ts";

const runsShown = 20;
const runsOfAllShown = 100;
const runsMax = 10_000;
/** All that there was of all plans would be read for the newest of them. */
export const sinceUnlessTold = "24h";

export const limitOption = () =>
  new Option("--limit <n>", `so many at most; ${runsShown} unless told, of all plans ${runsOfAllShown}`).argParser(
    wholeNumber(1, runsMax),
  );

interface ListOptions {
  readonly plan?: string;
  readonly site?: string;
  readonly since?: string;
  readonly limit?: number;
}

/** `run list`: what became of slots, the newest first. */
export const listRuns = async (context: Context, { limit: given, ...filter }: ListOptions): Promise<Answer> => {
  const isOfOne = filter.plan !== undefined;
  const limit = given ?? (isOfOne ? runsShown : runsOfAllShown);
  const { items, more } = await (isOfOne ? newestOfOne(context, filter, limit) : newestOfAll(context, filter, limit));
  const isFiltered = filter.site !== undefined || filter.since !== undefined;
  const isCut = !isOfOne && filter.since === undefined;
  const table = historyTable(items, {
    style: context.style,
    nowMs: context.host.time.nowMs(),
    none: isCut
      ? `No runs in the last ${sinceUnlessTold}.`
      : isFiltered
        ? "No runs fit these filters."
        : "No runs yet.",
  });
  const note = isCut ? `\nOf the last ${sinceUnlessTold}. To see others: --since 7d, or --plan PLAN` : "";
  const since = filter.since ?? (isOfOne ? undefined : sinceUnlessTold);
  const json = { items: items.map(runLine), more, ...(since !== undefined && { since }) };
  return { json, text: table + moreText(more, limit) + note };
};

interface Newest {
  readonly items: readonly RunListEntry[];
  readonly more: boolean;
}

type Filter = Omit<ListOptions, "limit">;

const newestOfOne = async (context: Context, filter: Filter, limit: number): Promise<Newest> => {
  const api = await context.connect();
  return listedUpTo(context, (page) => answerOf(api.v1.runs.$get({ query: { ...page, ...filter } })), limit);
};

/** They come plan after plan, so the newest are known when all have come. */
const newestOfAll = async (context: Context, filter: Filter, limit: number): Promise<Newest> => {
  const api = await context.connect();
  const { since = sinceUnlessTold } = filter;
  const all = await listed(context, (page) => answerOf(api.v1.runs.$get({ query: { ...page, ...filter, since } })));
  const items = all.toSorted((one, other) => (slotOf(one) < slotOf(other) ? 1 : slotOf(one) > slotOf(other) ? -1 : 0));
  return { items: items.slice(0, limit), more: items.length > limit };
};

const slotOf = (entry: RunListEntry): string => (entry.type === "run" ? entry.run.slot : entry.skip.firstSlot);
