// What signing in to the pages is made of: roles and their scopes, codes that are shown once and kept as hashes, and which page
// somebody may be sent to afterwards. Pure.
import { createHmac, hash } from 'node:crypto';
import { randomText } from './api-keys.ts';
import type { Scope } from './scopes.ts';

export const roles = ['admin', 'viewer'] as const;
export type Role = (typeof roles)[number];

/** How somebody signed in. */
export type SessionKind = 'key' | 'link' | 'openid';

/** Somebody as their OpenID provider tells of them. */
export interface Person {
  /** By which it knows them for ever. */
  subject: string;
  /** An e-mail address, where there is one. */
  login: string;
  name: string;
}

const scopesOfRoles: Readonly<Record<Role, readonly Scope[]>> = { admin: ['all'], viewer: ['all:read'] };

/** @returns what somebody of that role is given: everything, or everything that only reads */
export function scopesOfRole(role: Role): readonly Scope[] {
  return scopesOfRoles[role];
}

/** A session lasts so long, used or not. */
export const sessionLastsMs = 12 * 3_600_000;

const codeLength = 43;
const code = new RegExp(`^[0-9A-Za-z]{${codeLength}}$`);

/** @returns what a cookie or a link carries: 256 random bits, in letters and digits */
export function newSignInCode(): string {
  return randomText(codeLength);
}

export function isSignInCode(text: string): boolean {
  return code.test(text);
}

/** @returns SHA-256, which is all that is kept of a code */
export function signInCodeHash(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/**
 * Ties a session to the very key that made it. A key that people chose could be guessed from its hash, so that is not stored: without
 * the cookie this tells nothing.
 * @param token of the cookie @param keyHash SHA-256 of the key
 */
export function keyProof(token: string, keyHash: Buffer): Buffer {
  return createHmac('sha256', token).update(keyHash).digest();
}

/** Of addresses that are never looked up. */
const nowhere = 'http://nowhere.invalid';

/** @param to where somebody wants to go @returns it as a path that leads to a page and nowhere else; null where it is none of the pages */
export function pageWithin(to: string): string | null {
  const found = to.startsWith('/') ? URL.parse(to, nowhere) : null;
  const isPage = found?.origin === nowhere && found.pathname.startsWith('/admin/');
  return isPage ? `${found.pathname}${found.search}${found.hash}` : null;
}

/** @param to where somebody wanted to go @returns it as a path, where it is one of the pages; else the first page */
export function pageToShow(to: string | undefined): string {
  return (to === undefined ? null : pageWithin(to)) ?? firstPage;
}

const firstPage = '/admin/';

/**
 * The page where one signs in, for who then wants to see another one.
 * @param to the path of that page @returns a path; null where `to` is none of the pages
 */
export function signInPage(to: string): string | null {
  const page = pageWithin(to);
  // It is told as the pages have it among themselves, and they take no other site for one of theirs.
  const below = page?.slice(firstPage.length - 1);
  if (below === undefined || below.startsWith('//') || below.startsWith('/sign-in')) return null;
  return below === '/' ? '/admin/sign-in' : `/admin/sign-in?to=${encodeURIComponent(below)}`;
}
