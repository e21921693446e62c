package providers

import "strings"

func fastmail() Provider {
	return Provider{
		Name: "fastmail", Title: "Fastmail", Domains: []string{"fastmail.com", "fastmail.fm"},
		IMAP: imaps("imap.fastmail.com"), POP3: pop3s("pop.fastmail.com"),
		Login: AppPassword, OAuth: "fastmail",
		Connections: 3,
		Limits:      []string{"mail storage of the plans Basic, Standard, Professional: 2, 30, 100 GB"},
		POP3Is:      []string{"it has INBOX only; with ada+FOLDER@fastmail.com as user, another folder"},
		Exclude:     rubbish(),
		Setup:       []string{"make an app password (Settings, Privacy & Security); the account's own is never accepted"},
		Notes:       []string{"with a domain of your own, the user is the account's Fastmail address"},
		Unknown:     []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources: from("https://www.fastmail.com/help/technical/servernamesandports.html", "https://fastmail.help/hc/en-us/articles/1500000279921",
			"https://xenocept.com/docs/email-setup/fastmail.html",
			"https://www.fastmail.com/help/account/limits.html"),
	}
}

func proton() Provider {
	return Provider{
		Name: "proton", Title: "Proton Mail, by Bridge", Domains: []string{"proton.me", "protonmail.com", "protonmail.ch", "pm.me"},
		IMAP:        Server{"127.0.0.1", 1143, "starttls"},
		Login:       Bridge,
		Connections: 3,
		POP3Is:      []string{"there is none"},
		Exclude:     []string{"role:junk", "role:trash", "role:all", "All Mail", "Starred", "Labels/*"},
		Setup: []string{
			"install Proton Mail Bridge, which needs a paid plan, log in to it, and leave it running whenever mailsync runs",
			"the password is the one that Bridge shows for the mailbox, not Proton's; so are host and port, where Bridge's settings were changed",
		},
		Notes: []string{
			"Bridge has a certificate that it signed itself: mailsync shows its key, and trusts it from then on (tls_pins). The connection does not leave this machine",
			`"All Mail", "Starred" and "Labels" show messages of the other mailboxes again, so they are excluded`,
		},
		Unknown: []string{"how many connections Bridge allows"},
		Sources: from("https://github.com/ProtonMail/proton-bridge/blob/master/internal/vault/types_settings.go", "https://proton.me/support/macos-certificate-warning",
			"https://proton.me/support/protonmail-bridge-faq", "https://proton.me/support/nl/addresses-and-aliases"),
	}
}

func mailboxOrg() Provider {
	return Provider{
		Name: "mailbox.org", Title: "mailbox.org", Domains: []string{"mailbox.org"},
		IMAP: imaps("imap.mailbox.org"), POP3: pop3s("pop3.mailbox.org"),
		Login:       Password,
		Connections: 3,
		Exclude:     rubbish(),
		Setup:       []string{"with two-factor authentication on: make an application password (All settings, Security, Application passwords)"},
		Notes:       []string{"the user is the account's main address, also where mail comes to another one"},
		Unknown:     []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources:     from("https://kb.mailbox.org/en/private/e-mail/e-mail-configuration"),
	}
}

func posteo() Provider {
	p := Provider{
		Name: "posteo", Title: "Posteo",
		IMAP: imaps("posteo.de"), POP3: pop3s("posteo.de"),
		Login:       Password,
		Connections: 3,
		Exclude:     rubbish(),
		Setup:       []string{`"Additional email account protection" (Settings, My account, Change password) has to be off: it blocks IMAP and POP3`},
		Unknown:     []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources:     from(ispdb("posteo.de"), "https://posteo.de/en/help/activating-additional-email-account-protection"),
	}
	for end := range strings.FieldsSeq(`de at be ca ch cl co co.uk com com.br cr cz dk ee es eu fi gl gr hn hr hu ie in is it jp la li lt lu me mx
		my net nl no nz org pe pl pm pt ro se sg si tn uk us`) {
		p.Domains = append(p.Domains, "posteo."+end)
	}
	return p
}

// zoho is Zoho Mail in one of its data centres: an account is known in its own only.
func zoho(end, where string, domains ...string) Provider {
	name := "zoho"
	if end != "com" {
		name += "-" + end
	}
	first := "zoho." + end
	if end == "ca" {
		first = "zohocloud.ca"
	}
	return Provider{
		Name: name, Title: "Zoho Mail" + where, Domains: domains,
		IMAP: imaps("imap." + first), POP3: pop3s("pop." + first),
		Login:       Password,
		Connections: 2,
		Exclude:     rubbish(),
		Setup: []string{
			"switch IMAP or POP3 on in Zoho Mail: Settings, Mail Accounts; an organization's administrator may have to allow it",
			"with two-factor authentication or a log-in by another service: make an application-specific password (Security, App passwords)",
		},
		Notes: []string{
			"accounts of an organization, with a domain of their own, use imappro." + first + ": --host imappro." + first,
			"mailboxes that are not ticked in the folder settings of IMAP are not shown",
		},
		Unknown: []string{
			"how many connections it allows (the makers of another program count about three), and how much may be fetched in a day",
			"which plans have IMAP and POP3",
		},
		Sources: from(ispdb(first), "https://www.zoho.com/mail/help/pop-access.html",
			"https://help.zoho.com/portal/en/kb/solo/communication/settings/articles/how-to-generate-app-specific-password",
			"https://wiki.brostweb.com/books/external-accounts/chapter/zoho/export/html",
			"https://github.com/maathimself/mailflow/releases/tag/v4.5.1"),
	}
}

// smaller are providers that people choose.
func smaller() []Provider {
	return []Provider{
		fastmail(), proton(), mailboxOrg(), posteo(),
		zoho("com", "", "zoho.com", "zohomail.com"),
		zoho("eu", ", Europe", "zoho.eu", "zohomail.eu"),
		zoho("in", ", India", "zoho.in", "zohomail.in"),
		zoho("com.au", ", Australia", "zoho.com.au", "zohomail.com.au"),
		zoho("jp", ", Japan", "zoho.jp", "zohomail.jp"),
		zoho("ca", ", Canada", "zohocloud.ca", "zohomailcloud.ca"),
	}
}
