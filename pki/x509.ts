// @peculiar/x509 reads the metadata of its own decorators through it, so it comes first.
import "reflect-metadata";

export * as x509 from "@peculiar/x509";
