import { z } from "zod";
import type { StorageCall } from "../../call.ts";
import type { TowerQueries } from "../cloud-tower/asking.ts";

/** The first that a query finds. */
export const findOne = async <T>(
  tower: TowerQueries,
  of: { readonly operation: string; readonly where: object; readonly schema: z.ZodType<T> },
  call: StorageCall,
): Promise<T | undefined> => {
  const [first] = await tower.query(of.operation, { where: of.where, first: 1 }, z.array(of.schema), call);
  return first;
};
