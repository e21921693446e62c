// Package providers has what is known of mail providers, as data: each fact with its source and the
// date on which it was looked up. It asks nobody and opens no file.
package providers
