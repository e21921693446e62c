package providers

// Where the limits of Gmail were read: pages of Google's, and of others who show its numbers.
const (
	googlePOP    = "https://support.google.com/a/answer/6089246"
	googleLimits = "https://secure.efoldering.com/support/Knowledgebase/Article/View/358/126/bandwidth-limits-of-cloudfinder-google-apps"
	cloudLimits  = "https://sharingsupport.cloudhq.net/gmail-bandwidth-limits/"
	googleMany   = "https://github.com/dlt-hub/verified-sources/pull/615"
	googleMany2  = "https://canarymail.io/help/too-many-simultaneous-connections-on-gmail/"
)

// gmail is what is the same for private accounts and those of organizations.
func gmail() Provider {
	return Provider{
		IMAP: imaps("imap.gmail.com"), POP3: pop3s("pop.gmail.com"),
		OAuth:       "google",
		Connections: 3, MostAllowed: 15,
		Limits: []string{
			"of Workspace: 2,500 MB a day are downloaded by IMAP, 1,250 MB by POP3, and 500 MB uploaded; beyond that the account is closed to mail programs for some time. A large account takes several days: run mailsync again",
		},
		POP3Is: []string{
			`a message is shown until one program has fetched it; with user = "recent:ada@gmail.com" all mail of the last 30 days is shown, to every program`,
			"about 250 of the oldest messages are shown at a time, so the first copy takes many runs",
			`"When messages are accessed with POP" in the settings (Forwarding and POP/IMAP) decides what becomes of a fetched message: keep it, or DELE does not do what it says`,
		},
		Exclude: rubbish(),
		Unknown: []string{"whether the 15 connections are what Google says: they are from the makers of other programs"},
		Notes: []string{
			"labels are mailboxes, and a message with three labels is in four: mailsync fetches it once and stores it in one file, with a name in each Maildir",
			`"All Mail" is not excluded: archived mail is nowhere else, and what is in other mailboxes too costs no second fetch`,
		},
	}
}

func gmailPrivate() Provider {
	p := gmail()
	p.Name, p.Title, p.Domains = "gmail", "Gmail", []string{"gmail.com", "googlemail.com"}
	p.Login = AppPassword
	p.Setup = []string{
		"switch on 2-Step Verification, then make an app password at https://myaccount.google.com/apppasswords",
		`for POP3: switch it on in Gmail's settings, "Forwarding and POP/IMAP"`,
	}
	p.Unknown = append(p.Unknown, "the limits of free accounts: Google publishes those of Workspace, and free ones may have lower ones")
	p.Sources = from(ispdb("googlemail.com"), googlePOP, googleLimits, cloudLimits, googleMany, googleMany2,
		"https://coldrelay.com/blog/gmail-imap-settings",
		"https://www.limilabs.com/blog/gmail-pop3-behavior")
	return p
}

func workspace() Provider {
	p := gmail()
	p.Name, p.Title = "google-workspace", "Google Workspace"
	p.MX = []string{"google.com", "googlemail.com"}
	p.Login = AppPassword
	p.Setup = []string{
		"the account's password is not accepted since March 2025: make an app password (with 2-Step Verification), or use OAuth; an administrator can forbid either",
	}
	p.Sources = from(ispdb("googlemail.com"), googlePOP, googleLimits, cloudLimits, googleMany, googleMany2,
		"https://umzuzu.com/google-sunsets-less-secure-apps-access-making-the-transition-to-oauth-and-app-passwords")
	return p
}

func outlook() Provider {
	return Provider{
		Name: "outlook", Title: "Outlook.com",
		Domains: []string{
			"outlook.com", "hotmail.com", "live.com", "msn.com", "windowslive.com",
			"outlook.at", "outlook.be", "outlook.cl", "outlook.cz", "outlook.de", "outlook.dk", "outlook.es", "outlook.fr",
			"outlook.hu", "outlook.ie", "outlook.in", "outlook.it", "outlook.jp", "outlook.kr", "outlook.lv", "outlook.my",
			"outlook.ph", "outlook.pt", "outlook.sa", "outlook.sg", "outlook.sk", "outlook.co.id", "outlook.co.il", "outlook.co.th",
			"outlook.com.ar", "outlook.com.au", "outlook.com.br", "outlook.com.gr", "outlook.com.tr", "outlook.com.vn",
			"hotmail.be", "hotmail.ca", "hotmail.cl", "hotmail.cz", "hotmail.de", "hotmail.dk", "hotmail.es", "hotmail.fi", "hotmail.fr",
			"hotmail.gr", "hotmail.hu", "hotmail.it", "hotmail.lt", "hotmail.lv", "hotmail.my", "hotmail.nl", "hotmail.no", "hotmail.ph",
			"hotmail.rs", "hotmail.se", "hotmail.sg", "hotmail.sk", "hotmail.co.id", "hotmail.co.il", "hotmail.co.in", "hotmail.co.jp",
			"hotmail.co.kr", "hotmail.co.th", "hotmail.co.uk", "hotmail.co.za", "hotmail.com.ar", "hotmail.com.au", "hotmail.com.br",
			"hotmail.com.hk", "hotmail.com.tr", "hotmail.com.tw", "hotmail.com.vn",
			"live.at", "live.be", "live.ca", "live.cl", "live.cn", "live.de", "live.dk", "live.fi", "live.fr", "live.hk", "live.ie", "live.in",
			"live.it", "live.jp", "live.nl", "live.no", "live.ru", "live.se", "live.co.jp", "live.co.kr", "live.co.uk", "live.co.za",
			"live.com.ar", "live.com.au", "live.com.mx", "live.com.my", "live.com.ph", "live.com.pt", "live.com.sg", "livemail.tw",
		},
		IMAP: imaps("outlook.office365.com"), POP3: pop3s("outlook.office365.com"),
		Login: OAuthOnly, OAuth: "microsoft-personal",
		Connections: 3,
		Exclude:     rubbish(),
		Setup: []string{
			`switch IMAP or POP3 on at outlook.com: Settings, Mail, "Forwarding and IMAP"; both are off at first`,
			"register a client of your own, once: docs/guides/outlook.md. That needs an Azure account, which asks for a payment card. No password is accepted, an app password neither",
		},
		Unknown: []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources: from(ispdb("hotmail.com"), "https://support.microsoft.com/en-us/office/pop-imap-and-smtp-settings-8361e398-8af4-4e97-b147-6c6c4ac95353",
			"https://github.com/kenn-io/msgvault/issues/356", "https://github.com/holon-run/uxc/issues/445"),
	}
}

func microsoft365() Provider {
	return Provider{
		Name: "microsoft365", Title: "Microsoft 365",
		Domains: []string{"onmicrosoft.com", "office365.com"}, MX: []string{"mail.protection.outlook.com"},
		IMAP: imaps("outlook.office365.com"), POP3: pop3s("outlook.office365.com"),
		Login: OAuthOnly, OAuth: "microsoft-work",
		Connections: 3,
		Exclude:     rubbish(),
		Setup: []string{
			"register a client of your own, once, or ask your administrator for one: docs/guides/outlook.md. No password is accepted, an app password neither",
			"an administrator may have to allow IMAP for the mailbox, and to consent to the client",
		},
		Unknown: []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources: from(ispdb("office365.com"), "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/deprecation-of-basic-authentication-exchange-online"),
	}
}

func icloud() Provider {
	return Provider{
		Name: "icloud", Title: "iCloud Mail", Domains: []string{"icloud.com", "me.com", "mac.com"},
		IMAP:  imaps("imap.mail.me.com"),
		Login: AppPassword, LocalPart: true,
		Connections: 3,
		Limits:      []string{"5 GB of free storage, shared with everything else in iCloud"},
		POP3Is:      []string{"there is none"},
		Exclude:     rubbish(),
		Setup:       []string{"with two-factor authentication on, make an app-specific password at https://appleid.apple.com, Sign-In and Security"},
		Notes: []string{
			"the user is the part before the @; where that is refused, it is the whole address",
			"an alias is no account: use the address of the account itself",
		},
		Unknown: []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources: from("https://support.postbox-inc.com/hc/en-us/articles/202200110-Setting-up-iCloud-Me-or-Mac",
			"https://clean.email/blog/email-settings/icloud-email-settings", "https://skymigrate.com/?p=6611", ispdb("me.com"), "https://support.apple.com/en-us/HT202305"),
	}
}

func yahooMail() Provider {
	return Provider{
		Name: "yahoo", Title: "Yahoo Mail",
		Domains: []string{
			"yahoo.com", "ymail.com", "myyahoo.com", "rocketmail.com", "yahoo.ca", "yahoo.de", "yahoo.it", "yahoo.fr", "yahoo.es", "yahoo.se",
			"yahoo.co.in", "yahoo.co.uk", "yahoo.co.nz", "yahoo.com.au", "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx", "cox.net",
		},
		MX:   []string{"am0.yahoodns.net"},
		IMAP: imaps("imap.mail.yahoo.com"), POP3: pop3s("pop.mail.yahoo.com"),
		Login: AppPassword, OAuth: "yahoo",
		Connections: 3,
		Exclude:     rubbish(),
		Setup:       []string{`make an app password on the page "Account security", under "External connections", in a browser that you have used for Yahoo for some days`},
		Notes:       []string{"an app password stays valid when the account's password is changed"},
		Unknown:     []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources:     from(ispdb("yahoo.com"), "https://help.yahoo.com/kb/generate-manage-rd-party-passwords-sln15241.html"),
	}
}

func aol() Provider {
	return Provider{
		Name: "aol", Title: "AOL Mail",
		Domains: []string{
			"aol.com", "aim.com", "netscape.net", "netscape.com", "compuserve.com", "cs.com", "wmconnect.com", "aol.de", "aol.it", "aol.fr",
			"aol.es", "aol.se", "aol.co.uk", "aol.co.nz", "aol.com.au", "aol.com.ar", "aol.com.br", "aol.com.mx",
		},
		MX:   []string{"mail.gm0.yahoodns.net"},
		IMAP: imaps("imap.aol.com"), POP3: pop3s("pop.aol.com"),
		Login: AppPassword, OAuth: "aol",
		Connections: 3,
		Exclude:     rubbish(),
		Setup:       []string{`make an app password on the page "Account security", in a browser that you have used for AOL for some days`},
		Notes:       []string{"an app password stays valid when the account's password is changed"},
		Unknown:     []string{"how many connections it allows, and how much may be fetched in a day"},
		Sources:     from(ispdb("aol.com"), "https://help.aol.com/articles/Create-and-manage-app-password"),
	}
}

// big are the providers with the most accounts.
func big() []Provider {
	return []Provider{gmailPrivate(), workspace(), outlook(), microsoft365(), icloud(), yahooMail(), aol()}
}
