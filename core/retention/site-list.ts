import type { Group, GroupState, ListedGroup } from "../api/group.ts";

/** A group as a site tells of it. Of older gateways no more than its id is known. */
export type ToldGroup = Pick<ListedGroup, "groupId"> & Partial<Omit<ListedGroup, "groupId">>;

/** What a site says that it has of a plan. */
export interface SiteList {
  /** The number of the run in whose name it was asked for, after the run's own group was made. */
  readonly sequence: number;
  readonly groups: readonly ToldGroup[];
}

/**
 * Whether groups are missing from the list that were there: then it is decided anew what is to be
 * deleted.
 */
export const hasLost = (records: readonly Group[], list: SiteList): boolean =>
  records.some((record) => find(record, list) === undefined && (record.state === "lost" || isLost(record, list)));

/** What becomes of a group's record; `gone`: there is no use for it any more. */
export type Correction = Extract<GroupState, "published" | "lost" | "unknown" | "deleting"> | "gone";

/**
 * What a list makes of one record; undefined: nothing. A site's list is the truth, so far as it can
 * tell: no clock says what came first, but the plan's numbers do: a group that was said to be
 * deleted is there again only when the list was asked for after that was heard.
 *
 * @param circumstances whether the site `hasLost` groups
 */
export const correctionOf = (
  record: Group,
  list: SiteList,
  circumstances: { readonly hasLost: boolean },
): Correction | undefined => {
  const told = find(record, list);
  if (told === undefined) return missing(record, list);
  if (record.state === "published" && record.sequence > list.sequence) return undefined;
  if (!isSame(record, told)) return other(record, told);
  if (record.state === "deleting" && circumstances.hasLost) return "published";
  return present(record, told, list);
};

/**
 * Whether a group that a site tells of is the one that the record is of, and not another one of the
 * same slot.
 */
export const isSame = (
  known: { readonly sequence: number; readonly takenAt: string },
  { sequence, takenAt }: ToldGroup,
): boolean => {
  // Older gateways kept no number with a source group, and tell none of others.
  if (sequence === undefined || sequence === null) return true;
  return sequence === known.sequence && (takenAt === undefined || takenAt === known.takenAt);
};

const find = (record: Group, { groups }: SiteList): ToldGroup | undefined =>
  groups.find(({ groupId }) => groupId === record.id);

/** What is younger than the list may be missing from it. */
const isLost = ({ state, sequence }: Group, list: SiteList): boolean =>
  state === "published" && sequence <= list.sequence;

const missing = (record: Group, list: SiteList): Correction | undefined => {
  if (record.state === "unknown") return "gone";
  return isLost(record, list) ? "lost" : undefined;
};

const present = (record: Group, told: ToldGroup, list: SiteList): Correction | undefined => {
  if (record.state === "lost") return "published";
  if (record.state !== "deleted" || (record.deletedSequence ?? 0) >= list.sequence) return undefined;
  // A late copy of its task can have made a source group again where nothing was remembered: that
  // holds other bytes.
  const isCertain = record.role === "mirror" || (told.sequence !== undefined && told.sequence !== null);
  return isCertain ? "published" : "deleting";
};

const other = (record: Group, told: ToldGroup): Correction => {
  const isMadeAgain = record.state === "deleted" && record.role === "source" && record.sequence === told.sequence;
  return isMadeAgain ? "deleting" : "unknown";
};
