import { z } from "zod";
import { codeSchema } from "./bounds.ts";
import { gatewayIdSchema, siteIdSchema } from "./ids.ts";

/** One gateway of one site. */
export const gatewayNameSchema = z.object({ siteId: siteIdSchema, gatewayId: gatewayIdSchema });

const timesMax = 1_000_000_000;
/** So many peers and reasons are told apart; a hostile peer may vary its names and its requests. */
export const refusedKindsMax = 32;
/** Of what is more than that. */
export const otherRefusals = "OTHER";

/** What a gateway has refused a peer, and how often. */
export const refusedPeerSchema = z.object({
  /** As its certificate says. Absent: it showed none that counts, or these are `OTHER`. */
  peer: gatewayNameSchema.optional(),
  code: codeSchema,
  times: z.int().min(1).max(timesMax),
});
export type RefusedPeer = z.infer<typeof refusedPeerSchema>;
export const refusedPeersSchema = z.array(refusedPeerSchema).max(refusedKindsMax + 1);

const isSame = (one: RefusedPeer, other: RefusedPeer): boolean =>
  one.code === other.code && one.peer?.siteId === other.peer?.siteId && one.peer?.gatewayId === other.peer?.gatewayId;

/** Counts more of a kind; of a new kind too many, as another of `OTHER`. */
export const withRefused = (all: readonly RefusedPeer[], more: RefusedPeer): readonly RefusedPeer[] => {
  const at = all.findIndex((each) => isSame(each, more));
  const known = all[at];
  if (known !== undefined) return all.with(at, { ...known, times: Math.min(timesMax, known.times + more.times) });
  if (all.length < refusedKindsMax) return [...all, more];
  const other = { code: otherRefusals, times: more.times };
  return more.code === otherRefusals && more.peer === undefined ? [...all, other] : withRefused(all, other);
};

/** What is left when some of them were told. */
export const withoutRefused = (all: readonly RefusedPeer[], told: readonly RefusedPeer[]): readonly RefusedPeer[] =>
  all.flatMap((each) => {
    const times = each.times - (told.find((one) => isSame(one, each))?.times ?? 0);
    return times > 0 ? [{ ...each, times }] : [];
  });
