// Package oauth gets, keeps and renews the access tokens of OAuth 2.0 with which an account logs in.
//
// A log-in (Browser or Device) yields a refresh token. It is kept in the user's keyring where there is
// one, else in a file; the access token and its end are in the file always, so that a run each minute
// does not ask for a new one each time (vault.go). A Source hands out the access token and renews it:
// under a lock, so that one process does it for all, and what the provider gives in exchange is on disk
// before anybody uses it (source.go). No error shows a secret.
package oauth
