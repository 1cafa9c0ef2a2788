import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pieceCharactersMax, piecesMax } from "../../core/api/adoption/foreign-plans.ts";

const packing = promisify(gzip);

/**
 * A manifest as it is told: packed, and cut into pieces that a message holds; none where it is
 * larger than may be told.
 */
export const packedManifest = async (text: string): Promise<readonly string[]> => {
  const packed = (await packing(text)).toString("base64");
  const count = Math.ceil(packed.length / pieceCharactersMax);
  if (count > piecesMax) return [];
  return Array.from({ length: count }, (_, piece) =>
    packed.slice(piece * pieceCharactersMax, (piece + 1) * pieceCharactersMax),
  );
};
