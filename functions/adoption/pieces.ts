import type { ForeignGroupTold } from "../../core/api/adoption/foreign-plans.ts";
import { manifestPieceKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { type Adoption, keptUntil } from "./documents.ts";

/**
 * Pieces wait for each other, and those of what nobody has signed for all groups. A signed manifest
 * in one piece is not stored.
 */
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
  { group, proof, piece, pieces, packed }: ForeignGroupTold,
): Promise<string | undefined> => {
  if (pieces === 0 || (pieces === 1 && proof !== undefined)) return packed;
  const { groupId, manifestSha256: sha256 } = group;
  const key = manifestPieceKey(adoption.id, groupId, piece);
  const body: ManifestPiece = { sha256, packed };
  await store.commit([{ type: "put", key, body, expect: "any", expiresAt: keptUntil(adoption) }]);
  return readPieces({ store }, adoption, { group, pieces });
};

/** A manifest, when all of it is there. */
export const readPieces = async (
  { store }: Pick<Deps, "store">,
  { id }: Pick<Adoption, "id">,
  { group: { groupId, manifestSha256 }, pieces }: Pick<ForeignGroupTold, "group" | "pieces">,
): Promise<string | undefined> => {
  const there = await Promise.all(
    Array.from({ length: pieces }, (_, piece) => store.get<ManifestPiece>(manifestPieceKey(id, groupId, piece))),
  );
  const own = there.flatMap((one) => (one?.body.sha256 === manifestSha256 ? [one.body.packed] : []));
  return own.length === pieces ? own.join("") : undefined;
};

/** The group was looked at. */
export const dropPieces = async (
  { store }: Pick<Deps, "store">,
  { id }: Adoption,
  { group: { groupId }, proof, pieces }: Pick<ForeignGroupTold, "group" | "proof" | "pieces">,
): Promise<void> => {
  if (pieces === 0 || (pieces === 1 && proof !== undefined)) return;
  await store.deleteAll(Array.from({ length: pieces }, (_, piece) => manifestPieceKey(id, groupId, piece)));
};
