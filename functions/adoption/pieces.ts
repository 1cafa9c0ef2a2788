import type { ForeignGroupTold } from "../../core/api/adoption/foreign-plans.ts";
import { manifestPieceKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { type Adoption, keptUntil } from "./documents.ts";

/** A manifest in one piece is not stored; of others the pieces wait for each other. */
interface ManifestPiece {
  /** Of which manifest, where a site tells of another one for the same group. */
  readonly sha256: string;
  readonly packed: string;
}

/**
 * Keeps a piece of a manifest.
 * @returns the whole, when all of it is there
 */
export const putPiece = async (
  { store }: Pick<Deps, "store">,
  adoption: Adoption,
  { group, piece, pieces, packed }: ForeignGroupTold,
): Promise<string | undefined> => {
  if (pieces <= 1) return packed;
  const { groupId, manifestSha256: sha256 } = group;
  const key = manifestPieceKey(adoption.id, groupId, piece);
  const body: ManifestPiece = { sha256, packed };
  await store.commit([{ type: "put", key, body, expect: "any", expiresAt: keptUntil(adoption) }]);
  const there = await Promise.all(
    Array.from({ length: pieces }, (_, number) =>
      number === piece ? { body } : store.get<ManifestPiece>(manifestPieceKey(adoption.id, groupId, number)),
    ),
  );
  const own = there.flatMap((one) => (one?.body.sha256 === sha256 ? [one.body.packed] : []));
  return own.length === pieces ? own.join("") : undefined;
};

/** The group was looked at. */
export const dropPieces = async (
  { store }: Pick<Deps, "store">,
  { id }: Adoption,
  { group: { groupId }, pieces }: ForeignGroupTold,
): Promise<void> => {
  if (pieces <= 1) return;
  await store.deleteAll(Array.from({ length: pieces }, (_, piece) => manifestPieceKey(id, groupId, piece)));
};
