// Package idp is an identity provider for tests: OAuth 2.0 on loopback, with authorization code and
// PKCE, device code, refresh tokens that rotate or not, revocation and introspection. It keeps to the
// RFCs where clients have to (who sends a wrong verifier or an old refresh token gets nothing), and
// misbehaves where a test asks for it.
package idp
