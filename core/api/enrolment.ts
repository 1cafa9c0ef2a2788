import { z } from "zod";
import { entriesMax, pemSchema } from "./bounds.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "./ids.ts";
import { tokenTextSchema } from "./token.ts";

/** How long an enrolment token can be used. */
export const enrolmentSeconds = 15 * 60;

/**
 * How long after its end a certificate can still be renewed. A host that slept, or was restored
 * from a copy, has its gateway back without anybody; one that was away for longer is invited again.
 */
export const renewableSeconds = 90 * 24 * 3600;

export const enrolmentCreateSchema = z.strictObject({ gatewayId: gatewayIdSchema });

/** What is known of an enrolment token, without its secret. */
export const enrolmentSchema = z.object({
  siteId: siteIdSchema,
  gatewayId: gatewayIdSchema,
  createdAt: instantSchema,
  expiresAt: instantSchema,
  /**
   * When the gateway had been removed last, if it had: a removal since then makes the token worth
   * nothing. Absent: by an older version.
   */
  removedAt: instantSchema.nullable().optional(),
});
export type Enrolment = z.infer<typeof enrolmentSchema>;

/** The one time that the secret is shown: it is not stored. */
export const enrolmentCreatedSchema = enrolmentSchema.omit({ removedAt: true }).extend({ token: tokenTextSchema });

/** A gateway asks for a certificate of a key that it has made: PKCS #10, PEM. */
export const certificateRequestSchema = z.strictObject({ request: z.string().max(8192) });

export const certificateAnswerSchema = z.object({
  /** PEM. */
  certificate: pemSchema,
  /** The authority's certificate, PEM. */
  authority: pemSchema,
  /** Certificates that nobody believes any more (RFC 5280), PEM; null when there are none. */
  revocations: pemSchema.nullable(),
  expiresAt: instantSchema,
});
export type CertificateAnswer = z.infer<typeof certificateAnswerSchema>;

/** Where gateways enrol and renew, on the API. */
export const enrolPath = "/v1/enrol";
export const renewPath = "/v1/renew";

/**
 * The last certificates of a gateway: what is revoked when it is removed, and what can be renewed.
 */
export const gatewayCertificatesSchema = z.object({
  certificates: z
    .array(z.object({ serial: z.string().max(64), issuedAt: instantSchema, expiresAt: instantSchema }))
    .max(entriesMax),
});
export type GatewayCertificates = z.infer<typeof gatewayCertificatesSchema>;

/** A multi-cluster's list of revocations (RFC 5280) as it goes to its gateways. */
export const revocationListSchema = z.object({
  /** Of two lists the later one holds. */
  issuedAt: instantSchema,
  pem: pemSchema,
  /**
   * SHA-256 of the certificate of the authority that has signed it, hexadecimal. To whoever
   * believes another it says nothing.
   */
  authority: z.string().max(64),
});
export type RevocationList = z.infer<typeof revocationListSchema>;

export const gatewayRemovedSchema = z.object({
  /** How many of its certificates are refused from now on. */
  revoked: z.int().min(0),
});
